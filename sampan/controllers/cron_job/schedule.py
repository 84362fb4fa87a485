"""When a cron schedule fires, in a time zone. Pure; used by plan.py.

What happens when clocks change is as in robfig/cron v3, which Kubernetes uses: times that a clock skips do not happen,
those that it repeats happen twice. Schedules are parsed by kinds/batch/schedule.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from sampan.kinds.batch.schedule import Schedule

_HORIZON = timedelta(days=5 * 366)  # a schedule that does not fire within five years never does


def next_after(schedule: Schedule, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
    """The first time after `moment` (aware), in UTC; None if there is none."""
    if schedule.every:
        return moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=schedule.every)
    candidate = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    limit = candidate + _HORIZON
    while candidate < limit:
        local = candidate.astimezone(zone)
        skip = _wrong_unit(schedule, local)
        if skip is None:
            return candidate
        candidate = _moved(schedule, candidate, local, skip)
    return None


def _wrong_unit(schedule: Schedule, local: datetime) -> str | None:
    """The largest unit of which this time is wrong, or None if all is right."""
    minute, hour, day, month, weekday = schedule.fields
    if local.month not in month.values:
        return "month"
    in_month, in_week = local.day in day.values, local.isoweekday() % 7 in weekday.values
    if not (in_month and in_week if day.star or weekday.star else in_month or in_week):
        return "day"
    if local.hour not in hour.values:
        return "hour"
    return None if local.minute in minute.values else "minute"


def _moved(schedule: Schedule, candidate: datetime, local: datetime, unit: str) -> datetime:
    """The next time at which the wrong unit may be right."""
    if unit == "minute":
        later = (minute for minute in schedule.fields[0].values if minute > local.minute)
        return candidate + timedelta(minutes=min(later, default=60) - local.minute)
    if unit == "hour":
        return candidate + timedelta(minutes=60 - local.minute)
    day = local.replace(hour=0, minute=0, fold=0)
    month = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    following = day + timedelta(days=1) if unit == "day" else month
    return max(following.astimezone(UTC), candidate + timedelta(minutes=1))


def times_between(schedule: Schedule, start: datetime, end: datetime, zone: tzinfo = UTC) -> Iterator[datetime]:
    """The times after `start` and not after `end`."""
    moment = next_after(schedule, start, zone)
    while moment is not None and moment <= end:
        yield moment
        moment = next_after(schedule, moment, zone)
