"""When a cron schedule fires: five fields, the @ names and @every, in a time zone. Pure; used by cron_plan.py.

The dialect, including what happens when clocks change, is that of robfig/cron v3, which Kubernetes uses: times that a
clock skips do not happen, those that it repeats happen twice. Whether a text is a schedule is checked by the kind.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {name: number for names, first in ((_MONTHS, 1), (_DAYS, 0)) for number, name in enumerate(names, first)}
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_HORIZON = timedelta(days=5 * 366)  # a schedule that does not fire within five years never does


@dataclass(frozen=True, slots=True)
class Field:
    """The values of one field, and whether it was a plain star."""

    values: frozenset[int]
    star: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule: either `every` (seconds) or the five fields."""

    every: float = 0.0
    fields: tuple[Field, ...] = ()

    def after(self, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first time after `moment` (aware), in UTC; None if there is none."""
        if self.every:
            whole = moment.astimezone(UTC).replace(microsecond=0)
            return whole + timedelta(seconds=max(1.0, float(int(self.every))))
        candidate = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        limit = candidate + _HORIZON
        while candidate < limit:
            local = candidate.astimezone(zone)
            skip = self._skip(local)
            if skip is None:
                return candidate
            candidate = self._moved(candidate, local, skip)
        return None

    def _skip(self, local: datetime) -> str | None:
        """The largest unit of which this time is wrong, or None if all is right."""
        minute, hour, day, month, weekday = self.fields
        if local.month not in month.values:
            return "month"
        in_month, in_week = local.day in day.values, local.isoweekday() % 7 in weekday.values
        if not (in_month and in_week if day.star or weekday.star else in_month or in_week):
            return "day"
        if local.hour not in hour.values:
            return "hour"
        return None if local.minute in minute.values else "minute"

    def _moved(self, candidate: datetime, local: datetime, unit: str) -> datetime:
        """The next time at which the wrong unit may be right."""
        if unit == "minute":
            later = (minute for minute in self.fields[0].values if minute > local.minute)
            return candidate + timedelta(minutes=min(later, default=60) - local.minute)
        if unit == "hour":
            return candidate + timedelta(minutes=60 - local.minute)
        day = local.replace(hour=0, minute=0, fold=0)
        month = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        following = day + timedelta(days=1) if unit == "day" else month
        return max(following.astimezone(UTC), candidate + timedelta(minutes=1))


@lru_cache(maxsize=1024)
def parse(text: str) -> Schedule:
    """The schedule of a text that the kind's validation has accepted; raises ValueError for others."""
    if text.startswith("@every "):
        parts = re.findall(r"([0-9.]+)(ns|us|µs|ms|s|m|h)", text.removeprefix("@every "))
        return Schedule(every=sum(float(number) * _UNITS[unit] for number, unit in parts))
    fields = _DESCRIPTORS.get(text, text).split()
    if len(fields) != len(_BOUNDS):
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    return Schedule(fields=tuple(_field(one, low, high) for one, (low, high) in zip(fields, _BOUNDS, strict=True)))


def _field(text: str, low: int, high: int) -> Field:
    parts = [_part(part, low, high) for part in text.split(",") if part]
    return Field(frozenset().union(*(values for values, _ in parts)), any(star for _, star in parts))


def _part(text: str, low: int, high: int) -> tuple[frozenset[int], bool]:
    bounds, _, step_text = text.partition("/")
    first, _, last = bounds.partition("-")
    step, star = int(step_text or 1), first in ("*", "?")
    if star:
        start, end = low, high
    else:
        start = _number(first)
        end = _number(last) if last else high if step_text else start
    return frozenset(range(start, end + 1, step)), star and step == 1


def _number(text: str) -> int:
    return _NAMES[text.lower()] if text.lower() in _NAMES else int(text)


def times_between(schedule: Schedule, start: datetime, end: datetime, zone: tzinfo = UTC) -> Iterator[datetime]:
    """The times after `start` and not after `end`."""
    moment = schedule.after(start, zone)
    while moment is not None and moment <= end:
        yield moment
        moment = schedule.after(moment, zone)
