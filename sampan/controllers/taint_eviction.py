"""Evicts pods from nodes with NoExecute taints that they do not tolerate, or have tolerated for long enough.

Rule: docs, Taints and Tolerations, "Taint based Evictions". The time counts from the taint's timeAdded, so a restart of
the controller does not begin it anew.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from sampan.controllers.node_health import NO_EXECUTE, endures
from sampan.controllers.node_lifecycle import NODE_INDEX, pod_node
from sampan.controllers.pod_disruption import disruption, tell
from sampan.controllers.pods import is_active
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, key_of, parse_time
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import NORMAL


def no_execute(node: Object) -> list[Object]:
    """The taints that drive pods away."""
    return [taint for taint in node["spec"].get("taints") or () if taint["effect"] == NO_EXECUTE]


def evicted_in(pod: Object, taints: Sequence[Object], now: datetime) -> float | None:
    """Seconds until the pod has to go, at most 0 for at once; None if it may stay."""
    if not taints:
        return None
    limit = endures(pod["spec"].get("tolerations") or (), taints)
    if not limit:
        return limit
    times = [parse_time(taint["timeAdded"]) for taint in taints if taint.get("timeAdded")]
    since = max(times, default=now)
    return limit - (now - since).total_seconds()


class TaintEvictionController(Controller):
    """Keys are pods."""

    name = "taint-eviction-controller"
    account = "node-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.pods = self.watch(POD, matters=_moved)
        self.pods.add_index(NODE_INDEX, pod_node)
        self.nodes = self.watch(NODE, self._pods_on, matters=lambda old, new: no_execute(old) != no_execute(new))

    def _pods_on(self, node: Object) -> Iterable[Key]:
        return map(key_of, self.pods.by(NODE_INDEX, node["metadata"]["name"]))

    async def reconcile(self, key: Key) -> Action:
        pod = self.pods.get(key)
        node = self.nodes.get(Key("", pod["spec"].get("nodeName") or "")) if pod else None
        if pod is None or node is None or not is_active(pod):
            return WAIT
        left = evicted_in(pod, no_execute(node), self.clock.now())
        if left is None:
            return WAIT
        if left > 0:
            return after(left)
        await self._evict(key, pod)
        return WAIT

    async def _evict(self, key: Key, pod: Object) -> None:
        self.recorder.event(pod, NORMAL, "TaintManagerEviction", f"Marking for deletion Pod {key}")
        message = "Taint manager: deleting due to NoExecute taint"
        with suppress(NotFound):
            await tell(self.client, pod, disruption(pod, "DeletionByTaintManager", message, self.clock.now()))
            await self.client.delete(POD, key.name, key.namespace, uid=pod["metadata"]["uid"])


def _moved(old: Object, new: Object) -> bool:
    names = ("nodeName", "tolerations")
    return any(old["spec"].get(name) != new["spec"].get(name) for name in names)


CONTROLLER = TaintEvictionController
