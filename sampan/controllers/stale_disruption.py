"""Takes back the condition DisruptionTarget of pods that were to be deleted from outside and were not.

Whoever sets it deletes the pod next; two minutes later it is stale. What the kubelet has set stays: a pod may take long
to end. Rule: KEP-3329; upstream's stale pod disruption cleanup.
"""

from sampan.controllers.pod_disruption import DISRUPTION_TARGET, tell
from sampan.controllers.pods import condition, is_active
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery import conditions
from sampan.machinery.meta import Key, Object, format_time, key_of, parse_time
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller

TIMEOUT = 120.0  # seconds
_BY_KUBELET = "TerminationByKubelet"


def is_marked(pod: Object) -> bool:
    """Whether the pod is said to go, and nothing shows that it does."""
    found = condition(pod, DISRUPTION_TARGET) or {}
    return is_active(pod) and found.get("status") == conditions.TRUE and found.get("reason") != _BY_KUBELET


class StaleDisruptionController(Controller):
    """Keys are pods."""

    name = "stale-pod-disruption-controller"  # ours: upstream's disruption-controller does both
    account = "disruption-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.pods = self.watch(POD, lambda pod: [key_of(pod)] if is_marked(pod) else ())

    async def reconcile(self, key: Key) -> Action:
        pod = self.pods.get(key)
        if pod is None or not is_marked(pod):
            return WAIT
        found = condition(pod, DISRUPTION_TARGET) or {}
        now = self.clock.now()
        since = parse_time(found["lastTransitionTime"]) if found.get("lastTransitionTime") else now
        left = TIMEOUT - (now - since).total_seconds()
        if left > 0:
            return after(left)
        no_more = {"status": conditions.FALSE, "lastTransitionTime": format_time(now), "reason": None, "message": None}
        await tell(self.client, pod, {"type": DISRUPTION_TARGET, **no_more})
        return WAIT


CONTROLLER = StaleDisruptionController
