"""Not to follow every swing of what is measured: recommendations hold for a while. Pure.

What is done is the least change that all recommendations within the window agree on: to go up, the lowest of them; to
go down, the highest. Rule: docs, Horizontal Pod Autoscaling, "Stabilization window"; KEP-853.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sampan.controllers.horizontal_pod_autoscaler.behavior import Behavior
from sampan.controllers.horizontal_pod_autoscaler.history import Sample

_LOWER = "recent recommendations were lower than current one, applying the lowest recent recommendation"
_HIGHER = "recent recommendations were higher than current one, applying the highest recent recommendation"


class Stabilized(NamedTuple):
    """How many pods, and what it is called if they are not as many as recommended now."""

    replicas: int
    reason: str
    message: str


def stabilized(wanted: int, recommended: Sequence[Sample], window: float, now: float) -> Stabilized:
    """Without a behavior: the highest recommendation of the window."""
    recent = (sample.replicas for sample in recommended if sample.at >= now - window)
    return Stabilized(max(wanted, max(recent, default=wanted)), "ScaleDownStabilized", _HIGHER)


def stabilized_by(
    behavior: Behavior, wanted: int, current: int, recommended: Sequence[Sample], now: float
) -> Stabilized:
    """With one: as near to what there is as the recommendations of both windows allow."""
    up = min([wanted, *_recent(recommended, now - behavior.up.window)])
    down = max([wanted, *_recent(recommended, now - behavior.down.window)])
    replicas = min(max(current, up), down)
    if wanted >= current:
        return Stabilized(replicas, "ScaleUpStabilized", _LOWER)
    return Stabilized(replicas, "ScaleDownStabilized", _HIGHER)


def _recent(recommended: Sequence[Sample], start: float) -> list[int]:
    return [sample.replicas for sample in recommended if sample.at > start]
