"""What an autoscaler's status is to say, as it comes about: conditions in their order, events in theirs.

Begun by controller.py with each look at an autoscaler, filled by what decides, and written by it at the end.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sampan.machinery import conditions
from sampan.machinery.meta import Object, format_time
from sampan.reconcile.events import NORMAL, WARNING, PlannedEvent

ABLE, ACTIVE, LIMITED, TO_ZERO = "AbleToScale", "ScalingActive", "ScalingLimited", "ScaledToZero"


class Report:
    """Of one look at one autoscaler."""

    def __init__(self, scaler: Object, now: datetime) -> None:
        self.events: list[PlannedEvent] = []
        self._scaler, self._now = scaler, now
        self.status: Object = dict(scaler.get("status") or {})

    @property
    def conditions(self) -> Sequence[Object]:
        """As they are so far."""
        return self.status.get("conditions") or ()

    def is_true(self, type: str) -> bool:
        """Whether there is such a condition, and it is true."""
        return (conditions.find(self.conditions, type) or {}).get("status") == conditions.TRUE

    def set(self, type: str, holds: bool, reason: str, message: str) -> None:
        """A condition, in the place that it had; its time moves with its status."""
        status = conditions.TRUE if holds else conditions.FALSE
        old = conditions.find(self.conditions, type)
        same = old is not None and old["status"] == status
        since = old.get("lastTransitionTime") if old is not None and same else None
        new = {
            "type": type,
            "status": status,
            "lastTransitionTime": since or format_time(self._now),
            "reason": reason,
            "message": message,
        }
        kept = [new if one is old else one for one in self.conditions]
        self.status["conditions"] = kept if old is not None else [*kept, new]

    def normal(self, reason: str, message: str) -> None:
        """Tell of what was done."""
        self.events.append(PlannedEvent(NORMAL, reason, message))

    def warn(self, reason: str, message: str) -> None:
        """Tell of what went wrong."""
        self.events.append(PlannedEvent(WARNING, reason, message))

    def count(self, current: int, metrics: Sequence[Object], desired: int | None = None) -> None:
        """How many pods there are, and shall be, where that is known now; and what was measured."""
        old = self.status
        numbers: dict[str, Any] = {
            "observedGeneration": self._scaler["metadata"].get("generation"),
            "lastScaleTime": old.get("lastScaleTime"),
            "currentReplicas": current or None,  # which the API leaves out where it is zero
            "desiredReplicas": old.get("desiredReplicas", 0) if desired is None else desired,
            "currentMetrics": list(metrics),
            "conditions": old.get("conditions"),
        }
        self.status = {name: value for name, value in numbers.items() if value is not None}

    def rescaled(self) -> None:
        """The number of pods has been changed now."""
        self.status["lastScaleTime"] = format_time(self._now)
