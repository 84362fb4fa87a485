"""What the controllers were told by `sampan up`, flag by flag: kept in cluster.json, given to controllers/.

Called when a cluster is settled, to refuse what can't be, and when its controllers are made.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.machinery.durations import parse_duration

_MOST_RATE = 1e6  # requests a second: more than any server answers
_MOST_TOLERANCE = 1e6


class ControllerFlagError(Exception):
    """A flag asks for what can't be; the message says which and why."""


def merged(kept: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be kept; None takes back what was said."""
    return {field: value for field, value in {**kept, **given}.items() if value is not None}


def settings(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of controllers.config.Config that were set; raises ControllerFlagError."""
    return {field: _value(field, text) for field, text in said.items()}


def _value(field: str, said: Any) -> Any:
    try:
        return _FIELDS[field](said)
    except ValueError as error:
        shown = ",".join(said) if isinstance(said, list) else said
        raise ControllerFlagError(f"--{field.replace('_', '-')}: {shown!r} {error}") from None


def _controllers(words: list[str]) -> tuple[str, ...]:
    """Names that there are; loaded only where some are given, for with them come all controllers."""
    from sampan.controllers.registry import all_controllers

    known = {"*", *(controller.name for controller in all_controllers())}
    for word in words:
        if word.removeprefix("-") not in known:
            raise ValueError(f"names {word!r}, which is none of {', '.join(sorted(known))}")
    return tuple(words)


def _rate(text: str) -> float:
    """A number of requests a second."""
    try:
        rate = float(text)
    except ValueError:
        raise ValueError("is no number") from None
    if not rate or not abs(rate) <= _MOST_RATE:  # nor is it a NaN
        raise ValueError("is no rate: so many a second, or -1 for no limit")
    return rate


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("is no number from 0 to 999999999")
    return int(text)


def _tolerance(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= _MOST_TOLERANCE:
        raise ValueError("is no tolerance as 0.1")
    return share


def _duration(text: str) -> float:
    seconds = _wait(text)
    if not seconds:
        raise ValueError("is no duration as 50s or 2m")
    return seconds


def _wait(text: str) -> float:
    """A duration that may be 0s."""
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = -1.0
    if seconds < 0:
        raise ValueError("is no duration as 50s or 2m")
    return seconds


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "controllers": _controllers,
    "kube_api_qps": _rate,
    "kube_api_burst": _count,
    "horizontal_pod_autoscaler_sync_period": _duration,
    "horizontal_pod_autoscaler_tolerance": _tolerance,
    "horizontal_pod_autoscaler_downscale_stabilization": _wait,
    "horizontal_pod_autoscaler_cpu_initialization_period": _wait,
    "horizontal_pod_autoscaler_initial_readiness_delay": _wait,
    "node_monitor_grace_period": _duration,
    "node_monitor_period": _duration,
    "pvclaimbinder_sync_period": _duration,
    "terminated_pod_gc_threshold": _count,
}
