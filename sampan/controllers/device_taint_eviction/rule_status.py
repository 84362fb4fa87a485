"""What a DeviceTaintRule is told of its effect: how many pods are to go, or would have to.

Pure; called by controller.py.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sampan.machinery.conditions import FALSE, TRUE, find
from sampan.machinery.meta import Object, format_time, parse_time

TYPE = "EvictionInProgress"
PERIOD = 10.0  # seconds between two updates, at least
_ONCE = (
    "if the effect was NoExecute. This information will not be updated again."
    " Recreate the DeviceTaintRule to trigger an update."
)


class Counts(NamedTuple):
    """Of a rule: the namespaces of the pods that it drives away, one for each; devices; pods that are gone."""

    pending: Collection[str] = ()
    published: int = 0
    allocated: int = 0
    evicted: int = 0


def told_of(rule: Object) -> Object | None:
    """The condition that a rule has."""
    return find((rule.get("status") or {}).get("conditions") or (), TYPE)


def wait(rule: Object, now: datetime) -> float:
    """Seconds until the condition may be set anew; none where the rule is another one since."""
    old = told_of(rule)
    if old is None or old.get("observedGeneration") != _generation(rule):
        return 0.0
    left = PERIOD - (now - parse_time(old["lastTransitionTime"])).total_seconds()
    return max(0.0, min(left, PERIOD))


def condition(rule: Object, counts: Counts, now: datetime) -> Object:
    """The condition as it should be; with the time of the last change, of whatever kind."""
    status, reason, message = _said(rule["spec"]["taint"]["effect"], counts)
    if counts.evicted:
        message = f"{message} {_some(counts.evicted, 'pod')} evicted since starting the controller.".lstrip()
    new = {
        "type": TYPE,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": _generation(rule),
    }
    old = told_of(rule) or {}
    same = all(old.get(name, "") == value for name, value in new.items())
    return new | {"lastTransitionTime": old["lastTransitionTime"] if same else format_time(now)}


def _said(effect: str, counts: Counts) -> tuple[str, str, str]:
    where = _places(len(set(counts.pending)))
    if effect == "None":
        devices = f"{_selected(counts.published, 'published')} {_selected(counts.allocated, 'allocated')}"
        return FALSE, "NoEffect", f"{devices} {_some(len(counts.pending), 'pod')} would be evicted in {where} {_ONCE}"
    if effect != "NoExecute":
        return FALSE, "OtherEffect", "Eviction only happens for the NoExecute effect."
    if counts.pending:
        need = "pod needs" if len(counts.pending) == 1 else "pods need"
        return TRUE, "PodsPendingEviction", f"{len(counts.pending)} {need} to be evicted in {where}."
    return FALSE, "Completed" if counts.evicted else "NotStarted", ""


def _some(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _selected(number: int, how: str) -> str:
    return f"{_some(number, f'{how} device')} selected."


def _places(number: int) -> str:
    return "1 namespace" if number == 1 else f"{number} different namespaces"


def _generation(rule: Object) -> int:
    return rule["metadata"].get("generation") or 0
