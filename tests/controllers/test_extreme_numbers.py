"""Every component on objects whose numbers are at their extremes: what the API takes, nobody falls over.

A whole control plane with the scheduler runs on a clock that goes minutes and years ahead. A quota keeps a ReplicaSet
of 2^31-1 pods from being what the test waits for.
"""

import asyncio
import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sampan.client.api import Client
from sampan.controllers.config import Config
from sampan.controllers.cron_job.plan import plan
from sampan.controllers.deployment.revision import revision_of
from sampan.controllers.deployment.rollout import is_scaling
from sampan.controllers.deployment.status import has_timed_out
from sampan.controllers.job.indexes import failures_before
from sampan.controllers.job.pods import index_of
from sampan.controllers.pods import deletion_cost
from sampan.controllers.ttl_after_finished import expires_in
from sampan.kinds.core.resource_quota import KIND as QUOTA
from sampan.kinds.quota.pods import is_alive
from sampan.machinery.errors import APIError, InternalError
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object, integer_of, later, parse_time
from sampan.scheduler.app import Scheduler
from sampan.testing.clock import EPOCH
from tests.catalogue import CATALOGUE
from tests.controllers.cluster import NS, ROOT_CA, Cluster, control_plane
from tests.extremes import ANNOTATIONS, EXTREMES, INT32, INT64, TEXTS, Place, changed, changes, samples

CONFIG = Config(root_ca=ROOT_CA, load_balancer_pool=("10.10.0.0/30",))
LATER = (65.0, 3600.0, 400 * 86400.0)  # seconds: for delays, for hours, for the certificates' and tokens' years
# Kinds that take a namespace, an API or the whole server away.
OTHERS = {"Namespace", "APIService", "ResourceQuota"}
RICH = {
    "terminationGracePeriodSeconds": 5,
    "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "sample"}},
        }
    ],
    "affinity": {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [{"key": "size", "operator": "Gt", "values": ["1"]}]}}
            ]
        }
    },
}
TIME = "2025-01-01T00:00:00Z"
CONDITIONS = {
    "Deployment": ["Progressing", "Available"],
    "Job": ["SuccessCriteriaMet", "Complete"],
    "Node": ["Ready"],
    "Pod": ["PodScheduled", "Ready"],
    "CertificateSigningRequest": ["Approved"],
}
CONTAINER = {
    "resources": {"requests": {"cpu": "1m", "memory": "1"}, "limits": {"cpu": "1", "memory": "1Gi"}},
    "ports": [{"containerPort": 80}],
    "livenessProbe": {"httpGet": {"port": 80}},
}


def rich(tree: Any) -> Any:
    """The same object with what pods may say in numbers."""
    if isinstance(tree, list):
        return [rich(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    made = {name: rich(value) for name, value in tree.items()}
    if isinstance(made.get("containers"), list):
        made |= copy.deepcopy(RICH)
        made["containers"] = [{**one, **copy.deepcopy(CONTAINER)} for one in made["containers"]]
    return made


def condition(type: str) -> Object:
    """A condition as kinds have it, with one of their reasons."""
    return {"type": type, "status": "True", "reason": "ReplicaSetUpdated", "message": "so", "lastTransitionTime": TIME}


def defaulted(served: Served, tree: Object) -> Object:
    """A sample with its defaults, which are the objects that its numbers are in."""
    made = CATALOGUE.codec(served).decode(rich(tree))[0]
    if served.kind.name in CONDITIONS:
        made["status"] = {"conditions": [condition(type) for type in CONDITIONS[served.kind.name]]}
    return made


SAMPLES = [(served, defaulted(served, tree)) for served, tree in samples() if served.kind.name not in OTHERS]
WORKLOADS = [
    number
    for number, ((kind, _), _) in enumerate(SAMPLES)
    if kind.group in ("apps", "batch", "policy") or kind.name in ("Pod", "ReplicationController", "Node")
]
Changes = list[tuple[Place, Any]]


@dataclass(frozen=True)
class Case:
    """A kind, what an object of it is created with, what then is written to its status, and how it is deleted."""

    number: int  # of the sample
    wanted: Changes
    status: Changes
    grace: int | None  # seconds; None where it is not deleted

    def __repr__(self) -> str:
        return f"{SAMPLES[self.number][0].kind.name} {self.wanted} {self.status} deleted: {self.grace}"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    number = draw(st.sampled_from(WORKLOADS) | st.sampled_from(range(len(SAMPLES))))
    served, tree = SAMPLES[number]
    parts = draw(st.sampled_from((("spec",), ("spec",), ("",), ("spec", ""))))
    wanted = [change for part in parts for change in draw(changes(served, tree, part, most=2, spaces=0))]
    return Case(number, wanted, draw(changes(served, tree, "status")), draw(st.none() | st.sampled_from(INT64)))


@contextmanager
def bugs() -> Iterator[list[str]]:
    """What is logged with a traceback, or as an error."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    formatter = logging.Formatter()

    def emit(record: logging.LogRecord) -> None:
        if (record.exc_info and record.exc_info[0]) or record.levelno >= logging.ERROR:
            found.append(formatter.format(record))

    handler.emit = emit  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield found
    finally:
        logging.getLogger().removeHandler(handler)


async def asked(work: Any) -> Object | None:
    """What the API answers, or None where it refuses."""
    try:
        return await work
    except InternalError:
        raise
    except APIError:
        return None


async def write(cluster: Cluster, number: int, case: Case) -> None:
    """Create an object, write its status, and perhaps delete it."""
    (kind, _), sample = SAMPLES[case.number]
    client, tree = cluster.client, changed(sample, case.wanted)
    if kind.namespaced:
        tree["metadata"] |= {"namespace": NS, "name": f"{tree['metadata']['name']}-{number}"}
    made = await asked(client.create(kind, tree))
    if made is None:
        return
    name, namespace = made["metadata"]["name"], made["metadata"].get("namespace", "")
    if kind.has_status:
        patch = {"status": changed(sample, case.status).get("status")}
        await asked(client.patch(kind, name, patch, namespace, subresource="status"))
    if case.grace is not None:
        await asked(client.delete(kind, name, namespace, grace_period=case.grace))


async def scenario(written: list[Case]) -> list[str]:
    with bugs() as found:
        async with control_plane(CONFIG) as cluster:
            quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "8", "count/jobs.batch": "8"}}}
            await cluster.create(QUOTA, quota)
            await cluster.one(QUOTA, "few", lambda quota: "used" in quota.get("status", {}))
            scheduler = Scheduler(Client(cluster.client.transport), cluster.clock, chance=Random(1))
            running = asyncio.create_task(scheduler.run(asyncio.Event()))
            for number, case in enumerate(written):
                await write(cluster, number, case)
            for seconds in LATER:
                await cluster.clock.leap(seconds)
                await cluster.clock.advance(3)
            if running.done():
                found.append(repr(running.exception()))
            running.cancel()
            await asyncio.wait([running])
    return found


@pytest.mark.timeout(600)
@settings(max_examples=15, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck))
@given(st.lists(cases(), min_size=4, max_size=12))
def test_nothing_falls_over_numbers_that_the_api_takes(written: list[Case]) -> None:
    found = asyncio.run(scenario(written))
    assert not found, "\n".join(found)


# What a control plane in a test seldom comes to, since it takes a status that somebody else has written.


@given(st.sampled_from(EXTREMES["time"]), st.sampled_from([*INT32, *INT64]))
def test_deadlines_are_at_the_latest_the_end_of_time(time: str, seconds: int) -> None:
    ended = {"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": time}]}
    left = expires_in({"spec": {"ttlSecondsAfterFinished": seconds}, "status": ended}, EPOCH)
    assert left is not None and (left > 0) == (later(parse_time(time), seconds) > EPOCH)
    meta = {"deletionTimestamp": time, "deletionGracePeriodSeconds": seconds}
    assert is_alive({"metadata": meta}, EPOCH) == (later(parse_time(time), seconds) >= EPOCH)
    spec = {"progressDeadlineSeconds": seconds}
    status = {"conditions": [{**condition("Progressing"), "lastUpdateTime": time}]}
    assert has_timed_out({"spec": spec}, status, EPOCH) == (later(parse_time(time), seconds) < EPOCH)


@given(
    st.sampled_from(EXTREMES["schedule"]),
    st.sampled_from(EXTREMES["time"]),
    st.sampled_from([None, *INT64]),
    st.sampled_from(["UTC", "America/New_York", "Pacific/Kiritimati"]),
)
def test_cron_jobs_of_any_last_time(schedule: str, time: str, deadline: int | None, zone: str) -> None:
    spec = {"schedule": schedule, "timeZone": zone, "jobTemplate": {"spec": {}}, "concurrencyPolicy": "Allow"}
    spec |= {} if deadline is None else {"startingDeadlineSeconds": deadline}
    meta = {"name": "a", "namespace": NS, "uid": "u", "creationTimestamp": time}
    cron_job = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta, "spec": spec}
    made = plan({**cron_job, "status": {"lastScheduleTime": time}}, [], EPOCH)
    assert made.create is None or parse_time(made.status["lastScheduleTime"]) <= EPOCH


@given(st.sampled_from(TEXTS))
def test_annotations_are_numbers_of_64_bits_or_none(text: str) -> None:
    obj = {"metadata": {"annotations": dict.fromkeys(ANNOTATIONS, text)}, "spec": {"replicas": 1}}
    assert revision_of(obj) < 2**63 and abs(deletion_cost(obj)) <= 2**31 and sum(failures_before(obj)) < 2**32
    assert index_of(obj) is None or text.lstrip("+").isdecimal()
    assert is_scaling({"spec": {"replicas": 1}}, [obj]) == (integer_of(text, 32) not in (None, 1, -1, -(2**31)))
