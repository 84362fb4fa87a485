"""The notes' chapters on Jobs and CronJobs, as they are typed there.

The notes' batch job sleeps for two minutes; where a test wants its end, the sleep is ended.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e import notes
from tests.e2e.conftest import Kubectl, eventually, shell_pod

pytestmark = pytest.mark.node

MULTI = "multi-completion-batch-job"
QUARTER = 15 * 60


def running(kubectl: Kubectl, number: int) -> list[str]:
    """The names of the pods of `batch-job` that run, once there are so many; never are there more."""

    def found() -> list[str]:
        pods = kubectl.json("get", "pods", "-l", "app=batch-job")["items"]
        staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        phases = [(pod["metadata"]["name"], pod["status"]["phase"]) for pod in staying]
        assert sum(phase in ("Pending", "Running") for _, phase in phases) <= number
        up = [name for name, phase in phases if phase == "Running"]
        return up if len(up) == number else []

    names: list[str] = eventually(found, f"{number} pods running")
    return names


def finish(kubectl: Kubectl, pod: str) -> None:
    """Let the pod have done its work."""
    kubectl("exec", pod, "--", "killall", "sleep")
    phase = ("get", "pod", pod, "-o", "jsonpath={.status.phase}")
    eventually(lambda: kubectl(*phase) == "Succeeded", f"{pod} to have ended well")


def completions(kubectl: Kubectl, name: str) -> str:
    """The column COMPLETIONS."""
    header, row = (line.split() for line in kubectl("get", "jobs", name).splitlines())
    return row[header.index("COMPLETIONS")]


def conditions(kubectl: Kubectl, name: str) -> dict[str, str]:
    found = kubectl.json("get", "job", name)["status"].get("conditions", ())
    return {one["type"]: one.get("reason", "") for one in found if one["status"] == "True"}


# Jobs


def test_a_job_runs_to_its_end_and_keeps_its_pod(kubectl: Kubectl) -> None:
    assert kubectl("create", "-f", "-", stdin=notes.JOB) == "job.batch/batch-job created\n"
    (pod,) = running(kubectl, 1)
    assert completions(kubectl, "batch-job") == "0/1"
    finish(kubectl, pod)
    kubectl("wait", "--for=condition=Complete", "job/batch-job", "--timeout=60s")
    assert completions(kubectl, "batch-job") == "1/1"
    assert kubectl("get", "po", pod, "--no-headers").split()[1:3] == ["0/1", "Completed"]
    said = kubectl("logs", pod)
    assert "Batch job starting" in said and "Finished succesfully" in said  # as the image spells it
    kubectl("delete", "job", "batch-job")
    eventually(lambda: not kubectl.names("pods"), "its pods to go with it")


def test_a_job_must_say_how_it_restarts(kubectl: Kubectl) -> None:
    refused = kubectl.fails("create", "-f", "-", stdin=notes.JOB.replace("      restartPolicy: OnFailure\n", ""))
    assert 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"' in refused


def test_five_in_sequence(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=notes.SEQUENTIAL_JOB)
    for done in range(5):
        (pod,) = running(kubectl, 1)
        assert completions(kubectl, MULTI) == f"{done}/5"
        finish(kubectl, pod)
    kubectl("wait", "--for=condition=Complete", f"job/{MULTI}", "--timeout=60s")
    assert completions(kubectl, MULTI) == "5/5"
    assert len(kubectl.names("pods")) == 5


def test_in_parallel_and_scaled_while_it_runs(kubectl: Kubectl) -> None:
    """Today's kubectl has no `scale job` any more; the old one set what is set here."""
    kubectl("create", "-f", "-", stdin=notes.PARALLEL_JOB)
    first, _ = running(kubectl, 2)
    kubectl("patch", "job", MULTI, "-p", '{"spec": {"parallelism": 3}}')
    running(kubectl, 3)
    finish(kubectl, first)
    running(kubectl, 3)
    assert "3 Active (3 Ready) / 1 Succeeded / 0 Failed" in kubectl("describe", "job", MULTI)
    kubectl("patch", "job", MULTI, "-p", '{"spec": {"parallelism": 1}}')
    active = ("get", "job", MULTI, "-o", "jsonpath={.status.active}")
    eventually(lambda: kubectl(*active) == "1", "two pods less")
    finish(kubectl, running(kubectl, 1)[0])
    running(kubectl, 1)
    assert completions(kubectl, MULTI) == "2/5"


def job(name: str, script: str, pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": shell_pod(name, script, restartPolicy="Never")["spec"]}
    template["spec"] |= pod or {}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template, **spec}}


def test_a_pods_time_and_a_jobs_time_are_limited(kubectl: Kubectl) -> None:
    kubectl.apply(
        job("slow-pod", "sleep 3600", {"activeDeadlineSeconds": 2}, backoffLimit=0),
        job("slow-job", "sleep 3600", activeDeadlineSeconds=2),
    )
    eventually(lambda: conditions(kubectl, "slow-pod").get("Failed"), "the Job to fail with its pod")
    assert conditions(kubectl, "slow-pod")["Failed"] == "BackoffLimitExceeded"
    (pod,) = kubectl.json("get", "pods", "-l", "app=slow-pod")["items"]
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "DeadlineExceeded")
    eventually(lambda: conditions(kubectl, "slow-job").get("Failed") == "DeadlineExceeded", "the Job to be out of time")
    assert "Job was active longer than specified deadline" in kubectl("describe", "job", "slow-job")
    eventually(lambda: not kubectl.names("pods", "-l", "app=slow-job"), "its pod to be ended")


def test_six_failures_are_retried_and_the_seventh_is_the_last(kubectl: Kubectl) -> None:
    """The limit that is there where none is given; all at once, or the last would be tried after ten minutes."""
    kubectl.apply(
        job("six", "exit 1", completions=6, parallelism=6), job("seven", "exit 1", completions=7, parallelism=7)
    )
    assert kubectl("get", "job", "six", "-o", "jsonpath={.spec.backoffLimit}") == "6"
    eventually(lambda: conditions(kubectl, "seven").get("Failed"), "the Job to fail")
    assert conditions(kubectl, "seven")["Failed"] == "BackoffLimitExceeded"
    assert "Job has reached the specified backoff limit" in kubectl("describe", "job", "seven")
    failed = ("get", "job", "six", "-o", "jsonpath={.status.failed}")
    eventually(lambda: kubectl(*failed) == "6", "six failures")
    assert conditions(kubectl, "six") == {}


def test_a_pod_that_restarts_itself_counts_too(kubectl: Kubectl) -> None:
    kubectl.apply(job("restarts", "exit 1", {"restartPolicy": "OnFailure"}, backoffLimit=1))
    eventually(lambda: conditions(kubectl, "restarts").get("Failed") == "BackoffLimitExceeded", "the Job to fail")
    eventually(lambda: not kubectl.names("pods"), "its pod to be ended")


# CronJobs


def amid_a_quarter() -> datetime:
    """Now, which is neither just before nor just after a quarter of an hour."""
    eventually(lambda: 16 < time.time() % QUARTER < QUARTER - 20, "the quarter to have begun", patience=60)
    return datetime.now(UTC)


def an_hour_late(kubectl: Kubectl, name: str, now: datetime) -> None:
    """Make the CronJob look as if nothing had run it for an hour."""
    stamp = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    kubectl("patch", "cj", name, "--subresource=status", "-p", f'{{"status": {{"lastScheduleTime": "{stamp}"}}}}')


def test_a_cron_job_starts_late_unless_it_may_not(kubectl: Kubectl) -> None:
    kubectl.needs(24)  # --subresource
    name, now = "batch-job-every-fifteen-minutes", amid_a_quarter()
    warned = kubectl.run("create", "-f", "-", stdin=notes.CRON_JOB)
    assert warned.stdout == f"cronjob.batch/{name} created\n"
    assert "batch/v1beta1 CronJob was removed from Kubernetes in 1.25" in warned.stderr
    row = kubectl("get", "cj", "--no-headers")
    assert "0,15,30,45 * * * *" in row and "False" in row
    assert kubectl.names("jobs") == [], "it has not been a quarter yet"
    an_hour_late(kubectl, name, now)
    quarter = int(now.timestamp()) // QUARTER * QUARTER
    (made,) = eventually(lambda: kubectl.names("jobs"), "a late start")
    assert made == f"{name}-{quarter // 60}", "only the last of those that were missed"
    (pod,) = eventually(lambda: kubectl.ready_pods("app=periodic-batch-job"), "its pod")
    assert pod.startswith(made)
    kubectl("delete", "cj", name)
    eventually(lambda: not kubectl.names("jobs"), "the Job to go with it")

    punctual = kubectl.run("create", "-f", "-", stdin=notes.PUNCTUAL_CRON_JOB)
    assert punctual.returncode == 0, punctual.stderr
    an_hour_late(kubectl, name, amid_a_quarter())
    kubectl("patch", "cj", name, "-p", '{"spec": {"schedule": "@yearly", "startingDeadlineSeconds": 15}}')
    kubectl("create", "job", "by-hand", f"--from=cronjob/{name}")
    eventually(lambda: kubectl.names("jobs"), "the Job of a hand")
    assert kubectl.names("jobs") == ["by-hand"], "too late for the others"
