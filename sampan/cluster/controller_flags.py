"""What the controllers were told by `sampan up`, flag by flag: kept in cluster.json, given to controllers/.

Called when a cluster is settled, to refuse what can't be, and when its controllers are made.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from sampan.machinery.durations import parse_duration


class ControllerFlagError(Exception):
    """A flag asks for what can't be; the message says which and why."""


def merged(kept: Mapping[str, str], given: Mapping[str, str | None]) -> dict[str, str]:
    """What is to be kept; None takes back what was said."""
    return {field: value for field, value in {**kept, **given}.items() if value is not None}


def settings(said: Mapping[str, str]) -> dict[str, Any]:
    """The fields of controllers.config.Config that were set; raises ControllerFlagError."""
    return {field: _value(field, text) for field, text in said.items()}


def _value(field: str, text: str) -> Any:
    try:
        return _FIELDS[field](text)
    except ValueError as error:
        raise ControllerFlagError(f"--{field.replace('_', '-')}: {text!r} {error}") from None


def _rate(text: str) -> float:
    """A number of requests a second."""
    try:
        rate = float(text)
    except ValueError:
        raise ValueError("is no number") from None
    if not isfinite(rate) or not rate:
        raise ValueError("is no rate: so many a second, or -1 for no limit")
    return rate


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("is no number from 0 to 999999999")
    return int(text)


def _duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise ValueError("is no duration as 50s or 2m")
    return seconds


_FIELDS: dict[str, Callable[[str], Any]] = {
    "kube_api_qps": _rate,
    "kube_api_burst": _count,
    "node_monitor_grace_period": _duration,
    "node_monitor_period": _duration,
    "terminated_pod_gc_threshold": _count,
}
