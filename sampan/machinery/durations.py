"""Durations as people read them in tables (5m, 3d4h, 2y13d), and as Go writes and reads them (1h30m0s).

Rules: k8s.io/apimachinery/pkg/util/duration, HumanDuration; Go's time.ParseDuration. Called for AGE cells, by
describers, and where a user gives a duration as text.
"""

import re

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400


def duration_human(seconds: float) -> str:
    """At most three digits and two units; a clock that is a second behind gives 0s, one further off <invalid>."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    if whole < 10 * _MINUTE:
        return _two_units(whole, _MINUTE, "m", 1, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 8 * _HOUR:
        return _two_units(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h"
    if whole < 8 * _DAY:
        return _two_units(whole, _DAY, "d", _HOUR, "h")
    if whole < 2 * _YEAR:
        return f"{whole // _DAY}d"
    if whole < 8 * _YEAR:
        return _two_units(whole, _YEAR, "y", _DAY, "d")
    return f"{whole // _YEAR}y"


def _two_units(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large}{large_name}" + (f"{rest}{small_name}" if rest else "")


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)", re.ASCII)
_LONGEST = (1 << 63) / 1e9  # seconds that fit in 64 bits of nanoseconds


def parse_duration(text: str) -> float:
    """Seconds; raises ValueError with Go's words."""
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return 0.0
    seconds, end = 0.0, 0
    while part := _PART.match(unsigned, end):
        number, unit = part.groups()
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
        seconds, end = seconds + float(number) * _UNITS[unit], part.end()
    if not end or end < len(unsigned) or seconds >= _LONGEST:
        raise ValueError(f'time: invalid duration "{text}"')
    return -seconds if text.startswith("-") else seconds


def go_duration(seconds: float) -> str:
    """As Go writes it: 1h0m5s, 1.5s, 100ms, 0s. Rule: time.Duration.String."""
    nanoseconds = round(seconds * 1e9)
    sign, left = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if not left:
        return "0s"
    if left < 10**9:
        unit, size = next((unit, size) for unit, size in (("ns", 10**3), ("µs", 10**6), ("ms", 10**9)) if left < size)
        return f"{sign}{_decimal(left * 1000, size)}{unit}"
    minutes, left = divmod(left, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    longer = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{longer}{_decimal(left, 10**9)}s"


def _decimal(count: int, unit: int) -> str:
    whole, rest = divmod(count, unit)
    fraction = f"{rest * 10**9 // unit:09}".rstrip("0")
    return f"{whole}.{fraction}" if fraction else str(whole)
