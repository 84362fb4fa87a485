"""What a CronJob needs next: one pure function from the CronJob and its Jobs to what is to be written.

Rules: docs, CronJob, "Schedule syntax", "Deadline for delayed Job start", "Concurrency policy" and "Jobs history
limits"; reasons and messages are those of upstream's pkg/controller/cronjob.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from sampan.controllers.cron_job.schedule import next_after, times_between
from sampan.controllers.job.plan import COMPLETE, ENDED_BADLY
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.batch.schedule import Schedule, parse
from sampan.machinery.meta import Object, controller_ref, format_time, is_deleting, later, parse_time
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.events import PlannedEvent, reference

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MANY = 100  # missed times that call for a warning
_FIRST = datetime(2, 1, 1, tzinfo=UTC)  # from here, time zones are within the years that there are
_LATE = 0.1  # seconds after the time at which it is looked at


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: delete Jobs, create one, write the status, tell events."""

    status: Object
    create: Object | None = None
    delete: Sequence[Object] = ()
    events: list[PlannedEvent] = field(default_factory=list)
    then: Action = WAIT


def plan(cron_job: Object, jobs: Sequence[Object], now: datetime) -> Plan:
    """The next step. `jobs`: all that the CronJob controls."""
    events: list[PlannedEvent] = []
    status = _seen(cron_job, jobs, events)
    old = superseded(cron_job, jobs)
    events += [PlannedEvent("Normal", "SuccessfulDelete", f"Deleted job {_name(job)}") for job in old]
    made = Plan(status, delete=old, events=events)
    if is_deleting(cron_job) or cron_job["spec"].get("suspend"):
        return made
    schedule, zone = parse(cron_job["spec"]["schedule"]), zone_of(cron_job)
    due = _due(cron_job, status, schedule, now, events)
    following = next_after(schedule, now, zone)
    wait = after((following - now).total_seconds() + _LATE) if following else WAIT
    return replace(_start(cron_job, jobs, made, due, now) if due else made, then=wait)


def zone_of(cron_job: Object) -> tzinfo:
    """The time zone in which the schedule is meant."""
    name = cron_job["spec"].get("timeZone")
    return ZoneInfo(name) if name else UTC


def ended_with(job: Object) -> str:
    """Complete, Failed, or "" while the Job runs."""
    found = (job.get("status") or {}).get("conditions") or ()
    ends = (one["type"] for one in found if one["type"] in (COMPLETE, ENDED_BADLY) and one["status"] == "True")
    return next(ends, "")


def _seen(cron_job: Object, jobs: Sequence[Object], events: list[PlannedEvent]) -> Object:
    """The status with what has become of active Jobs."""
    status = dict(cron_job.get("status") or {})
    by_uid, active = {job["metadata"]["uid"]: job for job in jobs}, []
    for ref in status.get("active") or ():
        job = by_uid.get(ref["uid"])
        if job is None:
            events.append(PlannedEvent("Normal", "MissingJob", f"Active job went missing: {ref['name']}"))
        elif ending := ended_with(job):
            message = f"Saw completed job: {ref['name']}, condition: {ending}"
            events.append(PlannedEvent("Normal", "SawCompletedJob", message))
        else:
            active.append(ref)
    status["active"] = active
    finished = [job["status"].get("completionTime") for job in jobs if ended_with(job) == COMPLETE]
    latest = max([time for time in finished if time] + [status.get("lastSuccessfulTime") or ""])
    if latest:
        status["lastSuccessfulTime"] = latest
    return {name: value for name, value in status.items() if value}


def superseded(cron_job: Object, jobs: Sequence[Object]) -> list[Object]:
    """Ended Jobs beyond the history limits, oldest first."""
    gone: list[Object] = []
    for ending, limit in ((COMPLETE, "successfulJobsHistoryLimit"), (ENDED_BADLY, "failedJobsHistoryLimit")):
        kept = cron_job["spec"].get(limit)
        found = [job for job in jobs if ended_with(job) == ending and not is_deleting(job)]
        found.sort(key=lambda job: (job["status"].get("startTime") or "", _name(job)))
        if kept is not None:
            gone += found[: max(0, len(found) - kept)]
    return gone


def _due(
    cron_job: Object, status: Object, schedule: Schedule, now: datetime, events: list[PlannedEvent]
) -> datetime | None:
    """The latest time that has passed and not been served yet."""
    start = parse_time(status.get("lastScheduleTime") or cron_job["metadata"]["creationTimestamp"])
    limit = cron_job["spec"].get("startingDeadlineSeconds")
    if limit is not None:
        start = max(start, later(now, -limit))
    if start >= now:
        return None
    start = max(start, _FIRST)
    missed = list(islice(times_between(schedule, start, now, zone_of(cron_job)), MANY + 1))
    if len(missed) <= MANY:
        return missed[-1] if missed else None
    message = f"too many missed start times: {len(missed)}. "
    message += "Set or decrease .spec.startingDeadlineSeconds or check clock skew"
    events.append(PlannedEvent("Warning", "TooManyMissedTimes", message))
    return _latest(schedule, now, zone_of(cron_job))


def _latest(schedule: Schedule, now: datetime, zone: tzinfo) -> datetime | None:
    """The last time not after `now`, found by looking back further and further."""
    for back in (timedelta(minutes=2), timedelta(hours=2), timedelta(days=2), timedelta(days=62), timedelta(days=800)):
        found = list(times_between(schedule, now - back, now, zone))
        if found:
            return found[-1]
    return None


def _start(cron_job: Object, jobs: Sequence[Object], made: Plan, due: datetime, now: datetime) -> Plan:
    policy, active = cron_job["spec"].get("concurrencyPolicy", "Allow"), made.status.get("active") or []
    if policy == "Forbid" and active:
        message = "Not starting job because prior execution is running and concurrency policy is Forbid"
        return replace(made, events=[*made.events, PlannedEvent("Normal", "JobAlreadyActive", message)])
    replaced: list[Object] = []
    if policy == "Replace":
        running = {ref["uid"] for ref in active}
        replaced = [job for job in jobs if job["metadata"]["uid"] in running]
    events = [PlannedEvent("Normal", "SuccessfulDelete", f"Deleted job {_name(job)}") for job in replaced]
    status = {**made.status, "lastScheduleTime": format_time(due)}
    if replaced:
        status["active"] = []
    return replace(
        made,
        status=status,
        create=job_for(cron_job, due),
        delete=[*made.delete, *replaced],
        events=[*made.events, *events],
    )


def job_for(cron_job: Object, due: datetime) -> Object:
    """The Job of a time; its name is made of the time, so that it cannot be created twice."""
    template, meta = cron_job["spec"]["jobTemplate"], cron_job["metadata"]
    copied = template.get("metadata") or {}
    local = due.astimezone(zone_of(cron_job)).isoformat().replace("+00:00", "Z")
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.name,
        "metadata": {
            "name": f"{meta['name']}-{int(due.timestamp()) // 60}",
            "namespace": meta["namespace"],
            "labels": copied.get("labels") or {},
            "annotations": {**(copied.get("annotations") or {}), SCHEDULED: local},
            "ownerReferences": [controller_ref(cron_job)],
        },
        "spec": template["spec"],
    }


def with_active(status: Object, job: Object) -> Object:
    """The status with a Job that was just made."""
    return {**status, "active": [*(status.get("active") or ()), reference(job)]}


def _name(job: Object) -> str:
    return str(job["metadata"]["name"])
