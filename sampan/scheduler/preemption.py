"""Preemption: which pods of lower priority would have to go so that a pod fits, and on which node.

Pure; app.py asks when a decision has found no node, and effects.py removes the victims. Rules: docs page Pod Priority
and Preemption; upstream's DefaultPreemption, without PodDisruptionBudgets.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sampan.machinery.meta import Key
from sampan.scheduler.decision import Decider, Unschedulable, summary
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"

# Makes every priority positive in a sum of them, so that one more victim is never a gain, whatever its priority.
_OFFSET = 1 << 31


class Preemption(NamedTuple):
    """The node that is to be freed and the pods that have to go, the most important first."""

    node: str
    victims: Sequence[PodInfo]


class NoPreemption(NamedTuple):
    """Why nothing is to be done, as part of the message that users see."""

    message: str
    nominated: bool = False  # the pod's nomination stands: room is being made already


def preempt(
    pod: PodInfo, failure: Unschedulable, state: ClusterState, decider: Decider, nominated: str = ""
) -> Preemption | NoPreemption:
    """What to do for a pod that no node can take; `nominated` is the node that was promised to it."""
    if pod.spec.get("preemptionPolicy") == "Never":
        return NoPreemption("preemption: not eligible due to preemptionPolicy=Never.")
    promised = state.node(nominated)
    if promised and any(p.terminating and p.priority < pod.priority for p in promised.pods.values()):
        return NoPreemption("preemption: not eligible due to a terminating pod on the nominated node.", True)
    hopeful = [
        node for name, rejection in failure.rejections.items() if rejection.resolvable and (node := state.node(name))
    ]
    candidates = [candidate for node in hopeful if (candidate := _victims_on(node, pod, state, decider))]
    if candidates:
        return min(candidates, key=harm)
    reasons = Counter({NO_VICTIMS: len(hopeful), NOT_HELPFUL: failure.nodes - len(hopeful)})
    return NoPreemption("preemption: " + summary(failure.nodes, reasons))


def _victims_on(node: NodeInfo, pod: PodInfo, state: ClusterState, decider: Decider) -> Preemption | None:
    """The fewest and least important pods: all of lower priority go, then as many as possible may stay after all."""
    lower = sorted((p for p in node.pods.values() if p.priority < pod.priority), key=_importance)
    gone = {victim.key for victim in lower}
    if not lower or not _fits_without(gone, node, pod, state, decider):
        return None
    for victim in lower:
        gone.discard(victim.key)
        if not _fits_without(gone, node, pod, state, decider):
            gone.add(victim.key)
    if not gone:
        return None
    return Preemption(node.name, [victim for victim in lower if victim.key in gone])


def _fits_without(gone: set[Key], node: NodeInfo, pod: PodInfo, state: ClusterState, decider: Decider) -> bool:
    with state.simulate(gone=[key for key in node.pods if key in gone]):
        return decider.fits(pod, node)


def _importance(pod: PodInfo) -> tuple[int, str]:
    """Sorts the most important first: by priority, then by how long it has been running."""
    return -pod.priority, _started(pod)


def _started(pod: PodInfo) -> str:
    """RFC 3339 in UTC, so that the order of texts is that of times; pods that have not started come last."""
    return (pod.object.get("status") or {}).get("startTime") or "9"


def harm(preemption: Preemption) -> tuple[int, int, int, tuple[int, ...]]:
    """Least first: the highest priority among the victims, their sum, their number, then the youngest of the oldest."""
    priorities = [victim.priority for victim in preemption.victims]
    highest = max(priorities)
    oldest = min(_started(victim) for victim in preemption.victims if victim.priority == highest)
    total = sum(priority + _OFFSET for priority in priorities)
    return highest, total, len(priorities), tuple(-ord(letter) for letter in oldest)
