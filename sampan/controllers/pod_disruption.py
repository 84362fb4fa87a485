"""The condition that tells why a pod is about to be deleted from outside.

Rule: docs, Disruptions, "Pod disruption conditions". Used by taint_eviction.py and pod_gc.py, which patch the
pod's status: replacing it is more than the latter's account may do.
"""

from datetime import datetime

from sampan.client.api import Client
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery import conditions
from sampan.machinery.meta import Object, format_time

DISRUPTION_TARGET = "DisruptionTarget"


def disruption(pod: Object, reason: str, message: str, now: datetime) -> Object:
    """The condition DisruptionTarget; one that is true already keeps the time since when it is."""
    old = conditions.find((pod.get("status") or {}).get("conditions") or (), DISRUPTION_TARGET) or {}
    since = old.get("lastTransitionTime") if old.get("status") == conditions.TRUE else None
    return {
        "type": DISRUPTION_TARGET,
        "status": conditions.TRUE,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since or format_time(now),
    }


async def tell(client: Client, pod: Object, condition: Object | None, **status: str) -> None:
    """Put the condition, and more of the status, onto this very pod. Raises NotFound; Conflict if it is another now."""
    metadata = pod["metadata"]
    told = {"conditions": [condition]} if condition else {}
    patch = {"metadata": {"uid": metadata["uid"]}, "status": {**status, **told}}
    await client.patch(POD, metadata["name"], patch, metadata["namespace"], type="strategic", subresource="status")
