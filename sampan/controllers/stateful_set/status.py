"""What a StatefulSet reports. Pure."""

from typing import Any

from sampan.controllers.pods import available_in, is_ready, next_available, phase_of
from sampan.controllers.stateful_set.plan import Plan, View
from sampan.controllers.stateful_set.pods import revision_of
from sampan.machinery.meta import Object, is_deleting
from sampan.reconcile.action import WAIT, Action, after

_ALWAYS = ("replicas", "availableReplicas", "collisionCount")  # shown though they be 0


def status_of(seen: View, decided: Plan) -> Object:
    """The status for the pods that were seen; those that make room for an update count no more as current."""
    pods = list(seen.by_ordinal.values())
    ready = [pod for pod in pods if phase_of(pod) == "Running" and is_ready(pod)]
    seconds = seen.stateful_set["spec"].get("minReadySeconds") or 0
    staying = [pod for pod in pods if not is_deleting(pod)]
    leaving = {pod["metadata"]["name"] for pod in decided.outdated}
    old = seen.stateful_set.get("status") or {}
    counts: dict[str, Any] = {
        "replicas": len(pods),
        "readyReplicas": len(ready),
        "availableReplicas": sum(available_in(pod, seconds, seen.now) == 0 for pod in ready),
        "currentReplicas": sum(
            revision_of(pod) == seen.current.name and pod["metadata"]["name"] not in leaving for pod in staying
        ),
        "updatedReplicas": sum(revision_of(pod) == seen.update.name for pod in staying),
        "currentRevision": seen.current.name,
        "updateRevision": seen.update.name,
        "collisionCount": old.get("collisionCount") or 0,
        "observedGeneration": seen.stateful_set["metadata"].get("generation", 0),
        "conditions": list(old.get("conditions") or ()),
    }
    wanted = len(seen.ordinals)
    if counts["updatedReplicas"] == counts["readyReplicas"] == counts["replicas"] == wanted:
        counts |= {"currentReplicas": wanted, "currentRevision": seen.update.name}
    return {name: value for name, value in counts.items() if value or name in _ALWAYS}


def next_look(seen: View) -> Action:
    """When the next ready pod becomes available by the passing of time alone."""
    seconds = seen.stateful_set["spec"].get("minReadySeconds") or 0
    soonest = next_available(seen.pods, seconds, seen.now)
    return WAIT if soonest is None else after(soonest)
