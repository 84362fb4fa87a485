"""A year of CronJobs and a day of a Job that fails and fails, with their controllers, on the virtual clock."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sampan.controllers.config import Config
from sampan.controllers.cron_job.controller import CronJobController
from sampan.controllers.job.controller import JobController
from sampan.controllers.service_account import ServiceAccountController
from sampan.kinds.batch.cron_job import KIND as CRON_JOB
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, annotations_of, controller_of, format_time, parse_time
from sampan.testing.clock import EPOCH
from tests.controllers.cluster import NS, Cluster, control_plane

DAY, YEAR = timedelta(days=1), timedelta(days=365)
HOUR = 3600.0


@pytest.fixture
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    async with control_plane(Config(), (ServiceAccountController, request.param)) as running:
        yield running


def cron_job(schedule: str, **spec: Any) -> Object:
    pod = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}
    return {"schedule": schedule, "jobTemplate": {"spec": {"template": {"spec": pod}}}, **spec}


class Runs:
    """Takes the place of the Job controller: each Job runs for as long as `lasts` says of its CronJob, and ends well.

    Every tenth of those called "flaky" fails.
    """

    def __init__(self, cluster: Cluster, lasts: Callable[[str], float]) -> None:
        self.scheduled: dict[str, list[datetime]] = defaultdict(list)  # CronJob -> the times its Jobs were for
        self.began: dict[str, list[datetime]] = defaultdict(list)  # and when those were made
        self.together: dict[str, int] = defaultdict(int)  # how many Jobs of it ran at once, at most
        self._running: dict[str, set[str]] = defaultdict(set)
        self._cluster, self._lasts = cluster, lasts
        self._tasks: set[asyncio.Task[None]] = set()
        cluster.informer(JOB).on_change(self._changed)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        job = new or old
        assert job is not None
        owner, uid = controller_of(job), job["metadata"]["uid"]
        assert owner is not None
        if new is None:
            self._running[owner.name].discard(uid)
        elif old is None:
            note = annotations_of(new)["batch.kubernetes.io/cronjob-scheduled-timestamp"]
            self.scheduled[owner.name].append(datetime.fromisoformat(note).astimezone(UTC))
            self.began[owner.name].append(self._cluster.clock.now())
            self._running[owner.name].add(uid)
            self.together[owner.name] = max(self.together[owner.name], len(self._running[owner.name]))
            task = asyncio.create_task(self._run(new, owner.name))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Object, owner: str) -> None:
        clock, meta = self._cluster.clock, job["metadata"]
        bad = owner == "flaky" and len(self.scheduled[owner]) % 10 == 0
        start = format_time(clock.now())
        await clock.sleep(self._lasts(owner))
        if meta["uid"] not in self._running[owner]:
            return  # replaced
        self._running[owner].discard(meta["uid"])
        end = {} if bad else {"completionTime": format_time(clock.now())}
        found = ("FailureTarget", "Failed") if bad else ("SuccessCriteriaMet", "Complete")
        conditions = [{"type": type, "status": "True"} for type in found]
        status = {"startTime": start, **end, "conditions": conditions}
        await self._cluster.client.patch(JOB, meta["name"], {"status": status}, NS, subresource="status")


def local_times(zone: str, hours: set[int], minute: int, weekday: int | None = None) -> Iterator[datetime]:
    """All moments of the year at which clocks in a zone show one of the hours and the minute: found by looking."""
    moment = EPOCH
    while moment <= EPOCH + YEAR:
        local = moment.astimezone(ZoneInfo(zone))
        if local.hour in hours and local.minute == minute and weekday in (None, local.weekday()):
            yield moment
        moment += timedelta(minutes=30)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def names(cluster: Cluster, kind: Kind, prefix: str) -> list[Object]:
    found = [one for one in (await cluster.client.list(kind, NS)).items if one["metadata"]["name"].startswith(prefix)]
    return sorted(found, key=lambda one: str(one["metadata"]["creationTimestamp"]))


@pytest.mark.parametrize("cluster", [CronJobController], indirect=True)
async def test_a_year_of_cron_jobs(cluster: Cluster) -> None:
    lasts = {"never-two": 30 * HOUR, "the-last": 8 * 24 * HOUR}
    runs = Runs(cluster, lambda owner: lasts.get(owner, 60.0))
    specs = {
        "new-york": cron_job("30 1,2 * * sun", timeZone="America/New_York"),
        "flaky": cron_job("30 2 * * *", timeZone="Europe/Berlin"),
        "never-two": cron_job("0 0 * * *", concurrencyPolicy="Forbid", startingDeadlineSeconds=600),
        "one-at-a-time": cron_job("0 12 1 * *", concurrencyPolicy="Forbid"),
        "the-last": cron_job("0 0 * * 0", concurrencyPolicy="Replace"),
        "catches-up": cron_job("0 0 1 * *"),
        "lets-go": cron_job("0 0 1 * *", startingDeadlineSeconds=600),
    }
    lasts["one-at-a-time"] = 33 * 24 * HOUR
    for name, spec in specs.items():
        await cluster.create(CRON_JOB, {"metadata": {"name": name}, "spec": spec})
    suspended, resumed = at("2025-05-15"), at("2025-09-10")
    await cluster.clock.advance((suspended - cluster.clock.now()).total_seconds())
    for name in ("catches-up", "lets-go"):
        await cluster.patch(CRON_JOB, name, {"spec": {"suspend": True}})
    await cluster.clock.advance((resumed - cluster.clock.now()).total_seconds())
    for name in ("catches-up", "lets-go"):
        await cluster.patch(CRON_JOB, name, {"spec": {"suspend": False}})
    await cluster.clock.advance((EPOCH + YEAR + timedelta(minutes=2) - cluster.clock.now()).total_seconds())

    # Both clock changes: an hour that there is not, and one that there is twice.
    berlin = list(local_times("Europe/Berlin", {2}, 30))
    assert runs.scheduled["flaky"] == berlin
    assert at("2025-03-30T01:30") not in berlin and at("2025-03-30T00:30") not in berlin
    assert {at("2025-10-26T00:30"), at("2025-10-26T01:30")} < set(berlin)
    new_york = list(local_times("America/New_York", {1, 2}, 30, weekday=6))
    assert runs.scheduled["new-york"] == new_york
    assert [moment for moment in new_york if moment.date() == at("2025-03-09").date()] == [at("2025-03-09T06:30")]
    autumn = [moment for moment in new_york if moment.date() == at("2025-11-02").date()]
    assert autumn == [at("2025-11-02T05:30"), at("2025-11-02T06:30"), at("2025-11-02T07:30")]
    late = [
        b - s for name in ("flaky", "new-york") for s, b in zip(runs.scheduled[name], runs.began[name], strict=True)
    ]
    assert timedelta(0) <= min(late) and max(late) < timedelta(seconds=1)

    # Concurrency: a run that lasts 30 hours takes two days, for what is missed by ten minutes is missed.
    assert runs.scheduled["never-two"] == [EPOCH + day * DAY for day in range(1, 366, 2)]
    # Without a deadline the run that was not started is started once the other one is over.
    firsts = runs.scheduled["one-at-a-time"]
    assert firsts == [at(f"2025-{month:02}-01T12:00") for month in range(1, 13)]
    assert runs.began["one-at-a-time"][1] - firsts[0] > 33 * DAY
    assert runs.together["never-two"] == runs.together["one-at-a-time"] == runs.together["the-last"] == 1
    sundays = [EPOCH + day * DAY for day in range(1, 366) if (EPOCH + day * DAY).weekday() == 6]
    assert runs.scheduled["the-last"] == sundays
    assert len(await names(cluster, JOB, "the-last-")) == 1, "the others were replaced before they ended"

    # Suspended from May to September: the last of the missed runs is made up for, or none.
    months = [at(f"2025-{month:02}-01") for month in (2, 3, 4, 5, 10, 11, 12)] + [at("2026-01-01")]
    assert runs.scheduled["lets-go"] == months
    assert runs.scheduled["catches-up"] == sorted([*months, at("2025-09-01")])
    assert resumed in [moment.replace(microsecond=0) for moment in runs.began["catches-up"]]

    # History: three that ended well, one that didn't.
    kept = [job["status"]["conditions"][1]["type"] for job in await names(cluster, JOB, "flaky-")]
    assert sorted(kept) == ["Complete", "Complete", "Complete", "Failed"]
    status = (await cluster.client.get(CRON_JOB, "flaky", NS))["status"]
    assert status["lastScheduleTime"] == format_time(berlin[-1]) and "active" not in status
    assert status["lastSuccessfulTime"] == format_time(berlin[-1] + timedelta(seconds=60))


# A day of a Job


async def fails(cluster: Cluster) -> None:
    """Every pod that runs has failed a second later."""
    clock, tasks = cluster.clock, set()

    async def fail(name: str) -> None:
        await clock.sleep(1)
        now = format_time(clock.now())
        state = {"terminated": {"exitCode": 1, "finishedAt": now, "startedAt": now}}
        container = {"name": "main", "state": state, "restartCount": 0, "ready": False, "image": "i", "imageID": ""}
        status = {"phase": "Failed", "containerStatuses": [container]}
        await cluster.client.patch(POD, name, {"status": status}, NS, subresource="status")

    def changed(old: Object | None, new: Object | None) -> None:
        if new is not None and new["status"].get("phase") == "Running" != (old or {"status": {}})["status"].get(
            "phase"
        ):
            tasks.add(asyncio.create_task(fail(new["metadata"]["name"])))

    cluster.informer(POD).on_change(changed)


def crash_looping(limit: int | None) -> Object:
    pod = {"containers": [{"name": "main", "image": "i"}], "restartPolicy": "Never"}
    return {"template": {"spec": pod}, **({} if limit is None else {"backoffLimit": limit})}


async def attempts(cluster: Cluster, name: str) -> list[datetime]:
    """When the pods of a Job were made."""
    return [parse_time(pod["metadata"]["creationTimestamp"]) for pod in await names(cluster, POD, f"{name}-")]


@pytest.mark.parametrize("cluster", [JobController], indirect=True)
async def test_a_day_of_jobs_that_fail(cluster: Cluster) -> None:
    await fails(cluster)
    for name, limit in (("six", None), ("none", 0), ("endless", 2**31 - 1)):
        await cluster.create(JOB, {"metadata": {"name": name}, "spec": crash_looping(limit)})
    await cluster.clock.advance(DAY.total_seconds())
    waits = [10, 20, 40, 80, 160, 320]  # seconds after the end of the one before, which is a second after its start
    for name, number in (("six", 7), ("none", 1)):
        job = await cluster.client.get(JOB, name, NS)
        failed = [one["reason"] for one in job["status"]["conditions"] if one["type"] == "Failed"]
        assert (failed, job["status"]["failed"]) == (["BackoffLimitExceeded"], number)
        assert len(await attempts(cluster, name)) == number
    made = await attempts(cluster, "six")
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(made)]
    assert gaps == [wait + 1 for wait in waits]
    job = await cluster.client.get(JOB, "endless", NS)
    made = await attempts(cluster, "endless")
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(made)]
    assert gaps[:6] == [wait + 1 for wait in waits] and set(gaps[6:]) == {601}
    assert len(made) == 1 + 6 + (86400 - sum(waits) - 6) // 601
    assert job["status"]["failed"] in (len(made), len(made) - 1) and not job["status"].get("conditions")
    assert job["status"]["uncountedTerminatedPods"] == {}
