"""One pod's resize as its conditions tell it: pending, in progress, gone wrong; and the events about it. Pure.

The conditions PodResizePending and PodResizeInProgress are there while they are true, and are read back from the pod's
status when a kubelet starts. Upstream: pkg/kubelet/status (SetPodResize…Condition), pkg/kubelet/events/resize.go.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from sampan.machinery.meta import Object, format_time

PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
DEFERRED, ERROR = "Deferred", "Error"
CONDITIONS = (PENDING, IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Phase:
    """Why it is where it is; `generation` is the pod's when that was decided."""

    generation: int
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ResizeState:
    """Either may be absent, or both be there: what was begun goes on while what was asked for next has to wait."""

    pending: Phase | None = None
    progress: Phase | None = None

    def deferred(self, generation: int, message: str) -> "ResizeState":
        """There is no room for what is wanted."""
        return replace(self, pending=Phase(generation, DEFERRED, message))

    def begun(self, generation: int) -> "ResizeState":
        """It has been allocated; what went wrong with an earlier one does not matter any more."""
        return ResizeState(progress=Phase(generation))

    def failed(self, generation: int, message: str) -> "ResizeState":
        """What has been allocated can't be carried out, for now."""
        since = self.progress.generation if self.progress else generation
        return replace(self, progress=Phase(since, ERROR, message))

    def content(self) -> "ResizeState":
        """It wants nothing but what it has."""
        return replace(self, pending=None) if self.pending else self

    def done(self) -> "ResizeState":
        """All that is allocated has reached the containers."""
        return replace(self, progress=None) if self.progress else self

    def going_on(self, generation: int) -> "ResizeState":
        """Some of what is allocated has not reached the containers."""
        return self if self.progress else replace(self, progress=Phase(generation))


def state_in(pod: Object) -> ResizeState:
    """What the pod's conditions say."""
    found = {c["type"]: c for c in (pod.get("status") or {}).get("conditions") or () if c.get("type") in CONDITIONS}
    return ResizeState(_phase(found.get(PENDING)), _phase(found.get(IN_PROGRESS)))


def deferred_at(pod: Object) -> str:
    """Since when the pod has been waiting; "" if it is not."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((str(c.get("lastTransitionTime") or "") for c in conditions if c.get("type") == PENDING), "")


def resize_conditions(pod: Object, state: ResizeState, now: datetime) -> list[Object]:
    """The conditions for a pod's status."""
    old = {condition["type"]: condition for condition in (pod.get("status") or {}).get("conditions") or ()}
    phases = {PENDING: state.pending, IN_PROGRESS: state.progress}
    return [_condition(type_, phase, old.get(type_), now) for type_, phase in phases.items() if phase]


def message(pod: Object, text: str, generation: int, error: str = "") -> str:
    """An event's message: what it is, and the resources that it is about."""
    spec = pod["spec"]
    told: dict[str, Any] = {
        name: [{"name": one["name"], "resources": one.get("resources") or {}} for one in spec[name]]
        for name in ("initContainers", "containers")
        if spec.get(name)
    }
    told |= {"generation": generation} | ({"error": error} if error else {})
    return f"{text}: {orjson.dumps(told).decode()}"


def _phase(condition: Object | None) -> Phase | None:
    if condition is None:
        return None
    generation = condition.get("observedGeneration") or 0
    return Phase(int(generation), condition.get("reason") or "", condition.get("message") or "")


def _condition(type_: str, phase: Phase, old: Object | None, now: datetime) -> Object:
    same = old is not None and (old.get("reason") or "") == phase.reason
    return {
        "type": type_,
        "observedGeneration": phase.generation,
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": (old or {}).get("lastTransitionTime") if same else format_time(now),
        **({"reason": phase.reason} if phase.reason else {}),
        **({"message": phase.message} if phase.message else {}),
    }
