"""Cron schedules, parsed in the dialect and the words of the parser that Kubernetes uses (robfig/cron v3).

Five fields, lists, ranges, steps, names of months and days, @hourly and the like, @every <duration>. Not here: when a
schedule fires next, which is controllers/cron_job/schedule.py. Called by kinds/batch/cron_job.py and cron_job/plan.py.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from sampan.machinery.durations import parse_duration

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_MOST_DIGITS = 18  # of a number that 64 bits hold, whatever it is


class _Bounds(NamedTuple):
    low: int
    high: int
    names: dict[str, int]


_FIELDS = (
    _Bounds(0, 59, {}),
    _Bounds(0, 23, {}),
    _Bounds(1, 31, {}),
    _Bounds(1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Bounds(0, 6, {name: number for number, name in enumerate(_DAYS)}),
)


class ScheduleError(ValueError):
    """A text that is no schedule; str() says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """The values of one field, and whether it was a plain star."""

    values: frozenset[int]
    star: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule: either `every` (whole seconds) or minute, hour, day, month and weekday."""

    every: int = 0
    fields: tuple[Field, ...] = ()


def parse(text: str) -> Schedule:
    """Raises ScheduleError."""
    if not text:
        raise ScheduleError("empty spec string")
    if text.startswith(_EVERY):
        return Schedule(every=_every(text))
    if text.startswith("@") and text not in _DESCRIPTORS:
        raise ScheduleError(f"unrecognized descriptor: {text}")
    fields = _DESCRIPTORS.get(text, text).split()
    if len(fields) != len(_FIELDS):
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    return Schedule(fields=tuple(_field(field, bounds) for field, bounds in zip(fields, _FIELDS, strict=True)))


def _every(text: str) -> int:
    try:
        return max(1, int(parse_duration(text.removeprefix(_EVERY))))
    except ValueError as error:
        raise ScheduleError(f"failed to parse duration {text}: {error}") from error


def _field(text: str, bounds: _Bounds) -> Field:
    parts = [_range(part, bounds) for part in text.split(",") if part]
    return Field(frozenset().union(*(part.values for part in parts)), any(part.star for part in parts))


def _range(part: str, bounds: _Bounds) -> Field:
    ends, *steps = part.split("/")
    first, *last = ends.split("-")
    star = first in ("*", "?")
    if star:
        start, end = bounds.low, bounds.high
    else:
        start = _number(first, bounds.names)
        if len(last) > 1:
            raise ScheduleError(f"too many hyphens: {part}")
        end = _number(last[0], bounds.names) if last else start
    if len(steps) > 1:
        raise ScheduleError(f"too many slashes: {part}")
    step = _number(steps[0], {}) if steps else 1
    if steps and not last:
        end = bounds.high
    _check(part, start, end, step, bounds)
    return Field(frozenset(range(start, end + 1, step)), star and step == 1)


def _check(part: str, start: int, end: int, step: int, bounds: _Bounds) -> None:
    if start < bounds.low:
        raise ScheduleError(f"beginning of range ({start}) below minimum ({bounds.low}): {part}")
    if end > bounds.high:
        raise ScheduleError(f"end of range ({end}) above maximum ({bounds.high}): {part}")
    if start > end:
        raise ScheduleError(f"beginning of range ({start}) beyond end of range ({end}): {part}")
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {part}")


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if len(text) > _MOST_DIGITS:
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": value out of range')
    if int(text) < 0:
        raise ScheduleError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
