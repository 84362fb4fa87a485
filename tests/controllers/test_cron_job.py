"""CronJobs: when they fire, and what they start; a year of one takes no time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.client.transport import WatchEvent
from sampan.controllers.cron_job.controller import CronJobController
from sampan.controllers.cron_job.plan import Plan, plan
from sampan.controllers.cron_job.schedule import next_after, times_between
from sampan.kinds.batch.cron_job import KIND as CRON_JOB
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.batch.schedule import parse
from sampan.machinery.meta import Object, format_time
from sampan.reconcile.controller import Context
from sampan.reconcile.manager import run_together
from sampan.testing.clock import EPOCH, VirtualClock
from tests.controllers.cluster import NS, Cluster

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "start", "expected"),
    [
        ("*/15 * * * *", "2025-01-01T00:00", "2025-01-01T00:15"),
        ("0,30 9-17 * * mon-fri", "2025-01-03T17:30", "2025-01-06T09:00"),
        ("0 0 29 2 *", "2025-01-01T00:00", "2028-02-29T00:00"),
        ("0 0 13 * 5", "2025-01-01T00:00", "2025-01-03T00:00"),  # a 13th or a Friday
        ("0 0 */2 * 5", "2025-01-01T00:00", "2025-01-03T00:00"),  # a step is no star: either counts
        ("0 0 * * 5", "2025-01-01T00:00", "2025-01-03T00:00"),
        ("5/20 * * * *", "2025-01-01T00:06", "2025-01-01T00:25"),
        ("@monthly", "2025-01-01T00:00", "2025-02-01T00:00"),
        ("@every 1h30m", "2025-01-01T00:00", "2025-01-01T01:30"),
        ("0 0 30 2 *", "2025-01-01T00:00", None),
    ],
)
def test_next_time(schedule: str, start: str, expected: str | None) -> None:
    assert next_after(parse(schedule), at(start)) == (at(expected) if expected else None)


def test_clock_changes() -> None:
    nightly = parse("30 2 * * *")
    march = list(times_between(nightly, at("2025-03-29T00:00"), at("2025-03-31T12:00"), BERLIN))
    assert march == [at("2025-03-29T01:30"), at("2025-03-31T00:30")]  # on the 30th there is no half past two
    october = list(times_between(nightly, at("2025-10-25T12:00"), at("2025-10-26T12:00"), BERLIN))
    assert october == [at("2025-10-26T00:30"), at("2025-10-26T01:30")]  # and here there are two


def cron_job(status: Object | None = None, **spec: Any) -> Object:
    template = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "cj", "namespace": "ns", "uid": "cj", "creationTimestamp": format_time(EPOCH)},
        "spec": {"schedule": "*/15 * * * *", "jobTemplate": template, **spec},
        "status": status or {},
    }


def job(name: str, ending: str = "", start: str = "") -> Object:
    conditions = [{"type": ending, "status": "True"}] if ending else []
    done = {"completionTime": start} if ending == "Complete" else {}
    return {"metadata": {"name": name, "uid": name}, "status": {"startTime": start, "conditions": conditions, **done}}


def reasons(made: Plan) -> list[str]:
    return [told.reason for told in made.events]


def test_a_year_of_hours() -> None:
    current, now, started = cron_job(schedule="@hourly"), EPOCH, 0
    while now < EPOCH + timedelta(days=365):
        made = plan(current, [], now)
        started += made.create is not None
        current = {**current, "status": made.status}
        assert made.then.requeue_after is not None
        now += timedelta(seconds=made.then.requeue_after)
    assert started == 365 * 24 - 1  # the last one is due when the year is over


def test_starts_only_the_latest_of_what_was_missed() -> None:
    made = plan(cron_job(), [], EPOCH + timedelta(hours=2, minutes=1))
    assert made.create is not None
    assert made.create["metadata"]["name"] == f"cj-{int(at('2025-01-01T02:00').timestamp()) // 60}"
    annotations = made.create["metadata"]["annotations"]
    assert annotations == {"batch.kubernetes.io/cronjob-scheduled-timestamp": "2025-01-01T02:00:00Z"}
    assert made.status["lastScheduleTime"] == "2025-01-01T02:00:00Z"


def test_gives_up_what_is_too_late_and_warns_of_very_much() -> None:
    late = plan(cron_job(startingDeadlineSeconds=30), [], EPOCH + timedelta(minutes=16))
    assert late.create is None
    assert plan(cron_job(startingDeadlineSeconds=2**63 - 1), [], EPOCH + timedelta(minutes=16)).create
    many = plan(cron_job(schedule="* * * * *"), [], EPOCH + timedelta(days=1))
    assert "TooManyMissedTimes" in reasons(many)
    assert many.status["lastScheduleTime"] == "2025-01-02T00:00:00Z"


def test_concurrency() -> None:
    now, status = EPOCH + timedelta(minutes=16), {"active": [{"name": "a", "uid": "a"}]}
    assert plan(cron_job(status), [job("a")], now).create is not None
    forbidden = plan(cron_job(status, concurrencyPolicy="Forbid"), [job("a")], now)
    assert forbidden.create is None
    assert reasons(forbidden) == ["JobAlreadyActive"]
    replaced = plan(cron_job(status, concurrencyPolicy="Replace"), [job("a")], now)
    assert [one["metadata"]["name"] for one in replaced.delete] == ["a"]
    assert replaced.create is not None


def test_the_status_follows_the_jobs() -> None:
    status = {"active": [{"name": name, "uid": name} for name in ("done", "gone", "runs")]}
    time = "2025-01-01T00:00:30Z"
    made = plan(cron_job(status), [job("done", "Complete", time), job("runs")], EPOCH)
    assert [ref["name"] for ref in made.status["active"]] == ["runs"]
    assert made.status["lastSuccessfulTime"] == time
    assert reasons(made) == ["SawCompletedJob", "MissingJob"]


def test_history_limits() -> None:
    jobs = [job(f"s{n}", "Complete", f"2025-01-01T00:0{n}:00Z") for n in range(4)]
    jobs += [job(f"f{n}", "Failed", f"2025-01-01T00:0{n}:00Z") for n in range(2)]
    made = plan(cron_job(successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1), jobs, EPOCH)
    assert [one["metadata"]["name"] for one in made.delete] == ["s0", "f0"]


async def test_runs_by_the_clock(cluster: Cluster) -> None:
    body = {"metadata": {"name": "cj"}, "spec": cron_job()["spec"]}
    await cluster.create(CRON_JOB, body)
    await cluster.clock.advance(14 * 60)
    assert await cluster.until(JOB, lambda found: True) == []
    await cluster.clock.advance(70)
    [job] = await cluster.until(JOB, lambda found: len(found) == 1)
    assert job["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
    status = (await cluster.one(CRON_JOB, "cj", lambda found: bool(found["status"].get("active"))))["status"]
    assert status["lastScheduleTime"] == "2025-01-01T00:15:00Z"
    assert status["active"][0]["name"] == job["metadata"]["name"]
    await cluster.patch(CRON_JOB, "cj", {"spec": {"suspend": True}})
    await cluster.clock.advance(16 * 60)
    assert len(await cluster.until(JOB, lambda found: True)) == 1


class SlowJobs:
    """An API that tells of Jobs only when `tell` is called; of the CronJob at once."""

    def __init__(self, cron_job: Object) -> None:
        self.cron_job = cron_job
        self.jobs: list[Object] = []
        self.reasons: list[str] = []
        self._changes: dict[str, asyncio.Queue[WatchEvent]] = {kind.path(): asyncio.Queue() for kind in (CRON_JOB, JOB)}

    def tell(self) -> None:
        self._changes[JOB.path()].put_nowait(WatchEvent("ADDED", self.jobs[-1]))

    async def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> Object:
        if method == "GET":
            return {"metadata": {"resourceVersion": "1"}, "items": [self.cron_job] if path == CRON_JOB.path() else []}
        if body["kind"] == "Event":
            self.reasons.append(body["reason"])
            return body
        made = {**body, "metadata": {"uid": body["metadata"]["name"], **body["metadata"], "resourceVersion": "5"}}
        if body["kind"] == "Job":
            self.jobs.append(made)
        else:
            self.cron_job = made
            self._changes[CRON_JOB.path()].put_nowait(WatchEvent("MODIFIED", made))
        return made

    @asynccontextmanager
    async def watch(self, path: str, query: Any) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        async def changes() -> AsyncIterator[WatchEvent]:
            while True:
                yield await self._changes[path].get()

        yield changes()


async def test_a_job_that_was_just_made_is_not_missing() -> None:
    meta = {"name": "c", "namespace": NS, "uid": "u", "resourceVersion": "1", "creationTimestamp": format_time(EPOCH)}
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": {}}}
    api = SlowJobs({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta, "spec": spec})
    clock, client = VirtualClock(), Client(api)  # type: ignore[arg-type]
    informers = Informers(client, sleep=clock.sleep)
    controller = CronJobController(Context(client, informers, clock))
    running = asyncio.create_task(run_together([controller], informers))
    await clock.advance(61)
    assert [ref["name"] for ref in api.cron_job["status"]["active"]] == [api.jobs[0]["metadata"]["name"]]
    await clock.advance(5)
    api.tell()
    await clock.advance(5)
    running.cancel()
    await asyncio.wait([running])
    assert api.reasons == ["SuccessfulCreate"]
    assert len(api.cron_job["status"]["active"]) == 1
