"""Update strategies of Deployments and their like: numbers of pods, or percentages of them."""

from typing import Any

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.names import percent
from sampan.machinery.validation import Path, check, forbidden, invalid, non_negative, not_supported, required

_STRATEGIES = ("Recreate", "RollingUpdate")
_NOTHING = (0, "0%")


def validate_strategy(strategy: Object, path: Path) -> Errors:
    """A Deployment's strategy."""
    type_, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if type_ == "Recreate":
        if rolling is not None:
            yield forbidden(path.child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'")
    elif type_ != "RollingUpdate":
        yield not_supported(path, strategy, _STRATEGIES)
    elif rolling is None:
        yield required(path.child("rollingUpdate"), "this should be defaulted and never be nil")
    else:
        yield from _rolling(rolling, path.child("rollingUpdate"))


def _rolling(rolling: Object, path: Path) -> Errors:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    yield from int_or_percent(unavailable, path.child("maxUnavailable"))
    yield from int_or_percent(surge, path.child("maxSurge"))
    if unavailable in _NOTHING and surge in _NOTHING:
        yield invalid(path.child("maxUnavailable"), unavailable, "may not be 0 when `maxSurge` is 0")
    yield from at_most_all(unavailable, path.child("maxUnavailable"))


def validate_daemon_strategy(strategy: Object, path: Path) -> Errors:
    """A DaemonSet's strategy: pods are replaced after they are gone, or before, but not both."""
    type_, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if type_ == "OnDelete":
        return
    if type_ != "RollingUpdate":
        yield not_supported(path, strategy, ("RollingUpdate", "OnDelete"))
    elif rolling is None:
        yield required(path.child("rollingUpdate"))
    else:
        yield from _daemon_rolling(rolling, path.child("rollingUpdate"))


def _daemon_rolling(rolling: Object, path: Path) -> Errors:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    yield from int_or_percent(unavailable, path.child("maxUnavailable"))
    yield from int_or_percent(surge, path.child("maxSurge"))
    if unavailable not in _NOTHING and surge not in _NOTHING:
        yield invalid(path.child("maxSurge"), surge, "may not be set when maxUnavailable is non-zero")
    if unavailable in _NOTHING and surge in _NOTHING:
        yield required(path.child("maxUnavailable"), "cannot be 0 when maxSurge is 0")
    yield from at_most_all(unavailable, path.child("maxUnavailable"))
    yield from at_most_all(surge, path.child("maxSurge"))


def int_or_percent(value: Any, path: Path) -> Errors:
    """A number of pods, or a percentage."""
    if isinstance(value, str):
        yield from check(path, value, percent(value))
    else:
        yield from non_negative(path, value)


def at_most_all(value: Any, path: Path) -> Errors:
    """A percentage of at most 100."""
    if isinstance(value, str) and not percent(value) and int(value[:-1]) > 100:
        yield invalid(path, value, "must not be greater than 100%")
