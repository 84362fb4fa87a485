"""The condition that tells why a pod is about to be deleted from outside.

Rule: docs, Disruptions, "Pod disruption conditions". Used by taint_eviction.py and pod_gc.py.
"""

from datetime import datetime

from sampan.machinery import conditions
from sampan.machinery.meta import Object, format_time

DISRUPTION_TARGET = "DisruptionTarget"


def with_disruption(pod: Object, reason: str, message: str, now: datetime) -> Object:
    """The pod with the condition DisruptionTarget."""
    status = pod.get("status") or {}
    new = {"type": DISRUPTION_TARGET, "status": conditions.TRUE, "lastTransitionTime": format_time(now)}
    found = conditions.without(status.get("conditions") or (), DISRUPTION_TARGET)
    return {**pod, "status": {**status, "conditions": [*found, {**new, "reason": reason, "message": message}]}}
