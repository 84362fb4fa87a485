"""What pods are told of the volumes that they wait for. Pure; called by plan.py. The words are upstream's."""

from collections.abc import Iterable, Sequence

from sampan.machinery.meta import Object
from sampan.reconcile.events import NORMAL, WARNING, PlannedEvent

_ELSEWHERE = (
    "Volume is already exclusively attached to one node, waiting on detach before it can be attached to another node"
)


def attached(volume: str) -> PlannedEvent:
    """It is there."""
    return PlannedEvent(NORMAL, "SuccessfulAttachVolume", f'AttachVolume.Attach succeeded for volume "{volume}" ')


def failed(volume: str, why: str) -> PlannedEvent:
    """It is not, and will be tried again."""
    return PlannedEvent(WARNING, "FailedAttachVolume", f'AttachVolume.Attach failed for volume "{volume}" : {why}')


def late(driver: str, handle: str) -> str:
    """Why, where the attacher says nothing."""
    return f"timed out waiting for external-attacher of {driver} CSI driver to attach volume {handle}"


def waits(volume: str, pod: Object, users: Sequence[Object]) -> PlannedEvent:
    """Another node has it; of pods in other namespaces, a pod's user is told no names."""
    return PlannedEvent(
        WARNING, "FailedAttachVolume", f'Waiting for detach for volume "{volume}" {_who(pod, users) or _ELSEWHERE}'
    )


def _who(pod: Object, users: Iterable[Object]) -> str:
    namespace = pod["metadata"]["namespace"]
    near = sorted(one["metadata"]["name"] for one in users if one["metadata"]["namespace"] == namespace)
    far = sum(one["metadata"]["namespace"] != namespace for one in users)
    others = f"{far} pod(s) in different namespaces"
    if not near:
        return f"Volume is already used by {others}" if far else ""
    told = f"Volume is already used by pod(s) {', '.join(near)}"
    return f"{told} and {others}" if far else told
