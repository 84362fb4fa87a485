"""The node lifecycle controller: notices when a node falls silent, says so in its conditions and taints.

Signs of life are the renewals of the node's Lease in kube-node-lease and its status reports. What a node should look
like is decided in node_health.py; pods are evicted from tainted nodes by taint_eviction.py. Unlike upstream evictions
are not rate-limited per zone; as upstream, none happen while no node at all is ready.
"""

from collections.abc import Iterable

from sampan.controllers.config import ControllerContext
from sampan.controllers.node_health import Sign, condition, readiness, sign_of, silent_conditions, taints_for
from sampan.controllers.pods import is_ready
from sampan.kinds.coordination.lease import KIND as LEASE
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.conditions import FALSE, TRUE, UNKNOWN
from sampan.machinery.meta import Key, Object, format_time, key_of
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Controller
from sampan.reconcile.events import NORMAL, WARNING

LEASES = "kube-node-lease"
NODE_INDEX = "node"


class NodeLifecycleController(Controller):
    """Judges nodes when they change, and when the grace period of one may have run out."""

    name = "node-lifecycle-controller"
    component = "node-controller"
    account = "node-controller"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.grace = context.config.node_monitor_grace_period
        self.period = context.config.node_monitor_period
        self.signs: dict[str, Sign] = {}
        self.marked: dict[str, str] = {}  # when a node became unready, for which its pods have been marked
        self.nodes = self.watch(NODE)
        self.nodes.on_change(self._came_or_went)
        self.leases = self.watch(LEASE, None)
        self.pods = self.watch(POD, None)
        self.pods.add_index(NODE_INDEX, pod_node)

    def _came_or_went(self, old: Object | None, new: Object | None) -> None:
        if old is None and new is not None:
            self._tell(new, "RegisteredNode", "event: Registered Node {} in Controller")
        elif new is None and old is not None:
            self._tell(old, "RemovingNode", "event: Removing Node {} from Controller")

    def _tell(self, node: Object, reason: str, what: str) -> None:
        name = node["metadata"]["name"]
        self.recorder.event(node, NORMAL, reason, f"Node {name} {what.format(name)}")

    async def background(self) -> None:
        """Look at every node once in a while: silence is no event."""
        while True:
            for node in list(self.nodes.items()):
                self.queue.add(key_of(node))
            await self.clock.sleep(self.period)

    async def reconcile(self, key: Key) -> Action:
        node = self.nodes.get(key)
        if node is None:
            self.signs.pop(key.name, None)
            self.marked.pop(key.name, None)
            return WAIT
        left = self._silence_left(node)
        if left <= 0 and (readiness(node) != UNKNOWN or condition(node, "Ready") is None):
            await self._silence(node)
            return WAIT
        await self._taint(node)
        await self._mark_pods(node)
        return after(left + 0.1) if left > 0 else WAIT

    def _silence_left(self, node: Object) -> float:
        """Seconds until the node has been silent for too long."""
        name, now = node["metadata"]["name"], self.clock.monotonic()
        sign = sign_of(node, self.leases.get(Key(LEASES, name)), self.signs.get(name), now)
        self.signs[name] = sign
        return sign.at + self.grace - now

    async def _silence(self, node: Object) -> None:
        """The informer will tell of the change, and the taints follow."""
        found = silent_conditions(node, self.clock.now())
        status = {**(node.get("status") or {}), "conditions": found}
        await self.client.update(NODE, {**node, "status": status}, subresource="status")
        self._tell(node, "NodeNotReady", "status is now: NodeNotReady")

    async def _taint(self, node: Object) -> None:
        some_ready = any(readiness(one) == TRUE for one in self.nodes.items())
        taints = taints_for(node, evict=some_ready, now=self.clock.now())
        if taints != (node["spec"].get("taints") or []):
            await self.client.update(NODE, {**node, "spec": {**node["spec"], "taints": taints}})

    async def _mark_pods(self, node: Object) -> None:
        """When a node becomes unready so do its pods, so that Services leave them out.

        Once: a kubelet that is alive after all may then say otherwise.
        """
        name, ready = node["metadata"]["name"], condition(node, "Ready")
        if ready is None or ready["status"] == TRUE or self.marked.get(name) == ready.get("lastTransitionTime", ""):
            return
        for pod in self.pods.by(NODE_INDEX, name):
            if is_ready(pod):
                self.recorder.event(pod, WARNING, "NodeNotReady", "Node is not ready")
                await self.client.update(POD, self._unready(pod), subresource="status")
        self.marked[name] = ready.get("lastTransitionTime", "")

    def _unready(self, pod: Object) -> Object:
        now = format_time(self.clock.now())
        found = [
            {**one, "status": FALSE, "lastTransitionTime": now} if one["type"] == "Ready" else one
            for one in pod["status"]["conditions"]
        ]
        return {**pod, "status": {**pod["status"], "conditions": found}}


def pod_node(pod: Object) -> Iterable[str]:
    """The node that a pod is on, as an index value."""
    name = pod["spec"].get("nodeName")
    return (name,) if name else ()


CONTROLLER = NodeLifecycleController
