"""Of several metrics, the one that asks for most decides. Pure.

One that can't be told does not hold back the others where more pods are wanted, but it does where fewer are. Rule:
docs, Horizontal Pod Autoscaling, "Scaling on multiple metrics"; upstream's computeReplicasForMetrics.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sampan.machinery.meta import Object

NOTHING: Object = {"type": ""}  # what the status has in place of a metric that can't be told


class Proposal(NamedTuple):
    """How many pods one metric asks for, what it is called in events, and its part of the status."""

    replicas: int
    metric: str
    status: Object


class Failed(NamedTuple):
    """One metric can't be told. `cause` is for the event and the condition of this reason, `error` says all."""

    reason: str
    cause: str
    error: str


class Combined(NamedTuple):
    """What all metrics together ask for; None: nothing can be said, and the first failure says why."""

    replicas: int | None
    metric: str
    statuses: list[Object]
    failures: list[Failed]
    error: str = ""


def combined(found: Sequence[Proposal | Failed], current: int) -> Combined:
    """Of the metrics in the order of the spec; `current` is how many pods are asked for so far."""
    failures = [one for one in found if isinstance(one, Failed)]
    statuses = [NOTHING if isinstance(one, Failed) else one.status for one in found]
    best = _greatest([one for one in found if isinstance(one, Proposal)])
    if not failures:
        return Combined(best.replicas, best.metric, statuses, failures)
    error = f"invalid metrics ({len(failures)} invalid out of {len(found)}), first error is: {failures[0].error}"
    if len(failures) == len(found) or best.replicas < current:
        return Combined(None, "", statuses, failures, error)
    return Combined(best.replicas, best.metric, statuses, failures, error)


def _greatest(proposals: Sequence[Proposal]) -> Proposal:
    """The first of the greatest, but that nothing yields to whatever comes next; of no metrics, nothing."""
    best = Proposal(0, "", {})
    for one in proposals:
        if best.replicas == 0 or one.replicas > best.replicas:
            best = one
    return best
