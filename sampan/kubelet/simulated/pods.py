"""The pods of all simulated nodes: one informer over pods, and work only for those that change or have something due.

A controller like any other: it looks at a pod, lets motion.py do what is due, writes the status as the pod's node, and
asks to be called again when there is more. What is not in motion costs nothing but its place in the informer.
Started by cluster/.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from random import Random

from sampan.client.api import Client
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kubelet.admission import is_new, refusal
from sampan.kubelet.podspec import field_path
from sampan.kubelet.simulated.events import events_of
from sampan.kubelet.simulated.motion import Motion, Moved, Place, motion_of, move
from sampan.kubelet.simulated.nodes import Fleet, free_ip, host_ip, is_silent, name_of
from sampan.kubelet.simulated.script import Span, script_of
from sampan.machinery.errors import Conflict, NotFound
from sampan.machinery.meta import Key, Object, key_of
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import WARNING

_NODE_INDEX = "node"
_LONGEST_WAIT = 86400.0  # seconds; a clock may be set meanwhile


class SimulatedPods(Controller):
    """See the module. `client_of` takes a node's name."""

    name = "simulated-kubelet"
    component = "kubelet"
    workers = 32

    def __init__(self, context: Context, client_of: Callable[[str], Client], fleet: Fleet) -> None:
        super().__init__(context)
        self._client_of = client_of
        self._fleet = fleet
        self._random = Random(fleet.simulation.seed)
        self._motions: dict[Key, Motion] = {}
        self._written: set[str] = set()  # resourceVersions that are ours and that the informer has yet to tell of
        self._last_ip: dict[int, int] = {}  # where on a node the search for an address goes on
        self._pods = self.watch(POD, self._keys, matters=self._matters)
        self._pods.add_index(_NODE_INDEX, self._nodes_of)
        self._nodes = self.watch(NODE, self._pods_of, matters=lambda old, new: is_silent(old) != is_silent(new))

    def _keys(self, pod: Object) -> Iterable[Key]:
        return (key_of(pod),) if self._number(pod) is not None else ()

    def _nodes_of(self, pod: Object) -> Iterable[str]:
        return (pod["spec"]["nodeName"],) if self._number(pod) is not None else ()

    def _pods_of(self, node: Object) -> Iterable[Key]:
        return [key_of(pod) for pod in self._pods.by(_NODE_INDEX, node["metadata"]["name"])]

    def _number(self, pod: Object) -> int | None:
        name = pod["spec"].get("nodeName")
        return self._fleet.number_of(name) if name else None

    def _matters(self, old: Object, new: Object) -> bool:
        """What we have written ourselves is no news."""
        if self._pods.relisting:
            self._written.clear()  # of some of these the informer is never going to tell
        version = new["metadata"]["resourceVersion"]
        if version not in self._written:
            return True
        self._written.discard(version)
        return False

    async def reconcile(self, key: Key) -> Action:
        pod = self._pods.get(key)
        number = self._number(pod) if pod is not None else None
        if pod is None or number is None:
            self._motions.pop(key, None)
            return WAIT
        node = self._nodes.get(Key("", pod["spec"]["nodeName"]))
        if node is None or is_silent(node):
            return WAIT  # a node that is back is a change
        try:
            return await self._step(key, pod, number)
        except NotFound:  # the pod is gone, and the informer is going to say so
            self._motions.pop(key, None)
            return WAIT
        except Conflict:
            self._motions[key].pod = pod  # and again, by then with what was written meanwhile
            raise

    async def _step(self, key: Key, pod: Object, number: int) -> Action:
        now = self.clock.now()
        motion = self._motion(key, pod, now)
        before = motion.pod
        moved = move(motion, self._place(motion, number), now)
        motion.pod = before  # as long as nothing else is written
        self._tell(before, moved)
        client = self._client_of(pod["spec"]["nodeName"])
        if moved.status != before.get("status"):
            motion.pod = await client.update(POD, before | {"status": moved.status}, subresource="status")
            if not self._pods.has_seen(motion.pod):
                self._written.add(motion.pod["metadata"]["resourceVersion"])
        if moved.gone:
            await client.delete(POD, key.name, key.namespace, grace_period=0, uid=pod["metadata"]["uid"])
            moved.wake_at = None
        if moved.wake_at is None:
            del self._motions[key]
            return WAIT
        return after(min(max((moved.wake_at - self.clock.now()).total_seconds(), 0.0), _LONGEST_WAIT))

    def _motion(self, key: Key, pod: Object, now: datetime) -> Motion:
        motion = self._motions.get(key)
        if motion is None or motion.pod["metadata"]["uid"] != pod["metadata"]["uid"]:
            motion = motion_of(pod, now)
            self._admit(key, pod, motion)
            self._motions[key] = motion
        elif _version(pod) > _version(motion.pod):
            motion.pod = pod
        return motion

    def _place(self, motion: Motion, number: int) -> Place:
        script, problems = script_of(motion.pod, self._fleet.simulation.pods)
        if problems and not motion.told:
            motion.told = True
            self.recorder.event(motion.pod, WARNING, "InvalidSimulation", ", ".join(problems)[:1000])
        return Place(host_ip(number), script, self._draw, lambda: self._take_ip(number))

    def _draw(self, span: Span) -> float:
        return span.least if span.least == span.most else self._random.uniform(*span)

    def _take_ip(self, number: int) -> str:
        """The next free address: an address that a pod has left is not given away again at once."""
        self._last_ip[number] = beginning = self._last_ip.get(number, -1) + 1
        neighbours = self._pods.by(_NODE_INDEX, name_of(number))
        taken = {one["ip"] for pod in neighbours for one in (pod.get("status") or {}).get("podIPs") or ()}
        return free_ip(number, beginning, taken)

    def _admit(self, key: Key, pod: Object, motion: Motion) -> None:
        """A pod that names its node itself may find no room; of one that it has bound the scheduler knows."""
        if not is_new(pod) or _is_bound(pod):
            return
        neighbours = self._pods.by(_NODE_INDEX, pod["spec"]["nodeName"])
        admitted = (one for one in neighbours if not is_new(one) or key_of(one) in self._motions)
        others = [one for one in admitted if key_of(one) != key]
        if refused := refusal(pod, self._fleet.simulation.capacity, others):
            motion.verdict = (refused[0], f"Pod was rejected: {refused[1]}")
            self.recorder.event(pod, WARNING, *refused)

    def _tell(self, pod: Object, moved: Moved) -> None:
        if self._fleet.simulation.events:
            for event, container in events_of(pod, moved):
                self.recorder.event(pod, *event, field_path=field_path(pod, container))


def _is_bound(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "PodScheduled" and one["status"] == "True" for one in conditions)


def _version(pod: Object) -> int:
    return int(pod["metadata"]["resourceVersion"])
