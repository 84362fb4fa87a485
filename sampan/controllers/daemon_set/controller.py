"""The DaemonSet controller: writes what plan.py plans, and keeps the history of templates."""

from collections.abc import Iterable

from sampan.controllers import revisions
from sampan.controllers.daemon_set.backoff import FailureBackOff
from sampan.controllers.daemon_set.plan import Plan, View, is_failed, plan, status_of, view
from sampan.controllers.daemon_set.pods import node_of, pod_for
from sampan.controllers.history import History, with_collision
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN
from sampan.controllers.ownership import Children
from sampan.controllers.pod_control import BURST, PodControl, at_once, slow_start
from sampan.controllers.pods import next_available
from sampan.kinds.apps.daemon_set import KIND as DAEMON_SET
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Key, Object, is_deleting, key_of, labels_of
from sampan.machinery.selectors import Selector, from_label_selector
from sampan.machinery.tree import is_empty, semantic_equal
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import WARNING


def selector_of(daemon_set: Object) -> Selector:
    """Which pods, and which revisions, belong to it."""
    return from_label_selector(daemon_set["spec"].get("selector"))


class DaemonSetController(Controller):
    """Keeps a pod on every node that a DaemonSet selects."""

    name = "daemonset-controller"
    account = "daemon-set-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.daemon_sets = self.watch(DAEMON_SET)
        self.pods = Children(self, self.daemon_sets, POD, selector_of)
        self.history = History(self, self.daemon_sets, selector_of)
        self.nodes = self.watch(NODE, self._all, matters=_placement_changed)
        self.control = PodControl(self.client, self.recorder)
        self.failures = FailureBackOff()

    def _all(self, node: Object) -> Iterable[Key]:
        return map(key_of, self.daemon_sets.items())

    async def reconcile(self, key: Key) -> Action:
        daemon_set = self.daemon_sets.get(key)
        if daemon_set is None:
            self.pods.writes.forget(key)
            self.history.writes.forget(key)
            self.failures.forget(key)
            return WAIT
        if is_deleting(daemon_set):
            return WAIT
        if is_empty(daemon_set["spec"].get("selector")):
            message = "This daemon set is selecting all pods. A non-empty selector is required."
            self.recorder.event(daemon_set, WARNING, "SelectingAll", message)
            return WAIT
        if not (self.pods.writes.seen(key) and self.history.writes.seen(key)):
            return OWN_WRITES_UNSEEN
        return await self._sync(key, daemon_set)

    async def _sync(self, key: Key, daemon_set: Object) -> Action:
        pods, history = await self.pods.of(daemon_set), await self.history.of(daemon_set)
        current = revisions.current(daemon_set, history)
        await self.history.record(key, current, lambda: self._report(daemon_set, with_collision(daemon_set)))
        held = self.failures.held(key, self.clock.monotonic())
        seen = view(daemon_set, list(self.nodes.items()), pods, current.hash, self.clock.now(), held)
        await self._apply(key, daemon_set, plan(seen), current.hash)
        used = {current.hash, *(labels_of(pod).get(revisions.HASH_LABEL, "") for pod in pods)}
        await self.history.clean_up(daemon_set, history, used)
        await self._report(daemon_set, status_of(seen))
        return _next_look(seen, pods, held.values())

    async def _apply(self, key: Key, daemon_set: Object, decided: Plan, revision: str) -> None:
        for told in decided.events:
            self.recorder.event(daemon_set, *told)
        await at_once(self._delete(key, daemon_set, pod) for pod in decided.delete[:BURST])
        waiting = iter(decided.create[:BURST])
        number = min(BURST, len(decided.create))
        await slow_start(number, lambda: self._create(key, daemon_set, next(waiting), revision))

    async def _create(self, key: Key, daemon_set: Object, node: str, revision: str) -> None:
        made = await self.control.create(pod_for(daemon_set, node, revision), daemon_set)
        self.pods.writes.created(key, made)

    async def _delete(self, key: Key, daemon_set: Object, pod: Object) -> None:
        if is_failed(pod):
            self.failures.failed(key, node_of(pod), self.clock.monotonic())
        await self.control.delete(pod, daemon_set)
        self.pods.writes.deleted(key, pod)

    async def _report(self, daemon_set: Object, status: Object) -> None:
        if not semantic_equal(status, daemon_set.get("status")):
            await self.client.update(DAEMON_SET, {**daemon_set, "status": status}, subresource="status")


def _next_look(seen: View, pods: Iterable[Object], held: Iterable[float]) -> Action:
    """When, by the passing of time alone, a ready pod becomes available or a failed one may be replaced."""
    seconds = seen.daemon_set["spec"].get("minReadySeconds") or 0
    soonest = next_available(pods, seconds, seen.now)
    waits = [*held, *(() if soonest is None else (soonest,))]
    return after(min(waits)) if waits else WAIT


def _placement_changed(old: Object, new: Object) -> bool:
    return labels_of(old) != labels_of(new) or old["spec"].get("taints") != new["spec"].get("taints")
