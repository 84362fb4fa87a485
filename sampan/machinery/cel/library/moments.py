"""Timestamps and durations: their texts, as Go reads and writes them, and the functions that take them apart.

Upstream: cel-go common/types/timestamp.go and duration.go; Go's time.ParseDuration and RFC 3339.
"""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.functions import Library, Overload, overload
from sampan.machinery.cel.values import INT_MAX, INT_MIN, SECOND, Duration, Timestamp, checked_timestamp

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"([+-]?)([0-9]{1,2}):([0-9]{1,2})")
_LONGEST = 256


def parse_duration(text: str) -> Duration:
    """What Go's time.ParseDuration reads; raises EvaluationError with its words."""
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    sign, rest = (text[0], text[1:]) if text[:1] in ("-", "+") else ("", text)
    if rest == "0":
        return Duration(0)
    if not rest or len(text) > _LONGEST:
        raise EvaluationError(f"time: invalid duration {quoted}")
    total, at = 0, 0
    while at < len(rest):
        match = _PART.match(rest, at)
        if match is None or not (match[1] or match[2]):
            missing = bool(re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", rest[at:]))
            raise EvaluationError(f"time: {'missing unit in' if missing else 'invalid'} duration {quoted}")
        unit = _UNITS.get(match[3])
        if unit is None:
            raise EvaluationError(f'time: unknown unit "{match[3]}" in duration {quoted}')
        total += int(match[1] or 0) * unit + int(match[2] or 0) * unit // 10 ** len(match[2] or "")
        at = match.end()
    total = -total if sign == "-" else total
    if not INT_MIN <= total <= INT_MAX:
        raise EvaluationError(f"time: invalid duration {quoted}")
    return Duration(total)


def parse_timestamp(text: str) -> Timestamp:
    """What Go's time.Parse reads as RFC 3339."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise _bad_timestamp(text)
    try:
        moment = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc,arg-type]
        offset = _zone_offset(match[8])
    except ValueError:
        raise _bad_timestamp(text) from None
    nanos = int((match[7] or "0")[:9].ljust(9, "0"))
    whole = moment - _EPOCH - offset
    return checked_timestamp((whole.days * 86400 + whole.seconds) * SECOND + nanos)


def _bad_timestamp(text: str) -> EvaluationError:
    layout = "2006-01-02T15:04:05Z07:00"
    return EvaluationError(f'parsing time "{text}" as "{layout}": cannot parse "{text}" as "2006"')


def _zone_offset(text: str) -> timedelta:
    if text in "Zz":
        return timedelta()
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 24 or minutes > 60:
        raise ValueError(text)
    return timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


def timestamp_text(value: Timestamp) -> str:
    """RFC 3339 in UTC, with as many digits as needed."""
    seconds, nanos = divmod(value.nanos, SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{text.rjust(19, '0')}{fraction}Z"


def duration_text(value: Duration) -> str:
    """Seconds in decimals: `5400s`, `0.001s`."""
    whole, nanos = divmod(abs(value.nanos), SECOND)
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{'-' if value.nanos < 0 else ''}{whole}{fraction}s"


def _zone(name: str) -> tzinfo:
    if match := _OFFSET.fullmatch(name):
        hours, minutes = int(match[2]), int(match[3])
        if minutes > 59:
            raise EvaluationError(f"timezone offset minutes out of range [0, 59]: {name}")
        try:
            return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if match[1] == "-" else 1))
        except ValueError:
            raise EvaluationError(f"unknown time zone {name}") from None
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise EvaluationError(f"unknown time zone {name}") from None


def _local(value: Timestamp, zone: str) -> datetime:
    try:
        return (_EPOCH + timedelta(seconds=value.nanos // SECOND)).astimezone(_zone(zone))
    except OverflowError:
        raise EvaluationError("timestamp overflow") from None


_PARTS: tuple[tuple[str, Callable[[datetime], int]], ...] = (
    ("getFullYear", lambda moment: moment.year),
    ("getMonth", lambda moment: moment.month - 1),
    ("getDayOfYear", lambda moment: moment.timetuple().tm_yday - 1),
    ("getDayOfMonth", lambda moment: moment.day - 1),
    ("getDate", lambda moment: moment.day),
    ("getDayOfWeek", lambda moment: (calendar.weekday(moment.year, moment.month, moment.day) + 1) % 7),
    ("getHours", lambda moment: moment.hour),
    ("getMinutes", lambda moment: moment.minute),
    ("getSeconds", lambda moment: moment.second),
)


def _part(name: str, part: Callable[[datetime], int]) -> tuple[Overload, Overload]:
    return (
        overload(f"timestamp.{name}() -> int", lambda value: part(_local(value, "UTC"))),
        overload(f"timestamp.{name}(string) -> int", lambda value, zone: part(_local(value, zone))),
    )


def _milliseconds(value: Timestamp, zone: str = "UTC") -> int:
    return value.nanos % SECOND // 10**6


def _toward_zero(nanos: int, unit: int) -> int:
    return nanos // unit if nanos >= 0 else -(-nanos // unit)


MOMENTS = Library(
    "moments",
    (
        *(each for row in _PARTS for each in _part(*row)),
        overload("timestamp.getMilliseconds() -> int", _milliseconds),
        overload("timestamp.getMilliseconds(string) -> int", _milliseconds),
        overload("duration.getHours() -> int", lambda value: _toward_zero(value.nanos, 3600 * SECOND)),
        overload("duration.getMinutes() -> int", lambda value: _toward_zero(value.nanos, 60 * SECOND)),
        overload("duration.getSeconds() -> int", lambda value: _toward_zero(value.nanos, SECOND)),
        overload("duration.getMilliseconds() -> int", lambda value: _toward_zero(value.nanos, 10**6)),
    ),
)
