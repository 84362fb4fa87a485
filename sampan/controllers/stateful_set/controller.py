"""The shell of the StatefulSet controller: it claims pods and revisions, and does what plan.py and update.py decide."""

from collections.abc import Sequence
from functools import partial

from sampan.controllers import revisions
from sampan.controllers.history import History, with_collision
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN
from sampan.controllers.ownership import Children
from sampan.controllers.pod_control import at_once, slow_start
from sampan.controllers.pods import phase_of
from sampan.controllers.stateful_set.plan import Plan, Revision, View, plan
from sampan.controllers.stateful_set.pod_control import StatefulPodControl
from sampan.controllers.stateful_set.pods import is_member, revision_of
from sampan.controllers.stateful_set.status import next_look, status_of
from sampan.controllers.stateful_set.update import outdated
from sampan.kinds.apps.stateful_set import KIND as STATEFUL_SET
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Key, Object, is_deleting
from sampan.machinery.selectors import Selector, from_label_selector
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller


def selector_of(stateful_set: Object) -> Selector:
    """Which pods, and which revisions, belong to it."""
    return from_label_selector(stateful_set["spec"].get("selector"))


class StatefulSetController(Controller):
    """Keeps the pods of StatefulSets in their places."""

    name = "statefulset-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.stateful_sets = self.watch(STATEFUL_SET)
        self.pods = Children(self, self.stateful_sets, POD, selector_of)
        self.history = History(self, self.stateful_sets, selector_of)
        self.claims = self.watch(CLAIM, None)
        self.control = StatefulPodControl(self.client, self.recorder, self.claims)

    async def reconcile(self, key: Key) -> Action:
        stateful_set = self.stateful_sets.get(key)
        if stateful_set is None:
            self.pods.writes.forget(key)
            self.history.writes.forget(key)
            return WAIT
        if not (self.pods.writes.seen(key) and self.history.writes.seen(key)):
            return OWN_WRITES_UNSEEN
        pods = await self.pods.of(stateful_set, partial(is_member, stateful_set))
        history = await self.history.of(stateful_set)
        newest = revisions.current(stateful_set, history)
        if not is_deleting(stateful_set):
            collided = partial(self._report, stateful_set, with_collision(stateful_set))
            await self.history.record(key, newest, collided)
        seen = self._view(stateful_set, pods, history, newest.revision)
        return await self._sync(key, seen, [*history, newest.revision])

    def _view(self, stateful_set: Object, pods: Sequence[Object], history: Sequence[Object], newest: Object) -> View:
        name = (stateful_set.get("status") or {}).get("currentRevision")
        current = next((one for one in history if one["metadata"]["name"] == name), newest)
        namespace = stateful_set["metadata"]["namespace"]
        return View(
            stateful_set,
            pods,
            _revision(current),
            _revision(newest),
            lambda claim: self.claims.get(Key(namespace, claim)),
            self.clock.now(),
        )

    async def _sync(self, key: Key, seen: View, history: Sequence[Object]) -> Action:
        decided = plan(seen)
        if not decided.is_held:
            decided.outdated += outdated(seen)
        failure = None
        try:
            await self._apply(key, seen, decided)
        except APIError as error:
            failure = error
        await self._report(seen.stateful_set, status_of(seen, decided))
        if failure is not None:
            raise failure
        live = {seen.current.name, seen.update.name, *map(revision_of, seen.pods)}
        used = [one["metadata"]["labels"][revisions.HASH_LABEL] for one in history if one["metadata"]["name"] in live]
        await self.history.clean_up(seen.stateful_set, history, used)
        return next_look(seen)

    async def _apply(self, key: Key, seen: View, decided: Plan) -> None:
        waiting = iter(decided.create)
        await slow_start(len(decided.create), lambda: self._create(key, seen.stateful_set, next(waiting)))
        for ordinal in decided.tend:
            await self._tend(seen, ordinal)
        await at_once(self._delete(key, seen.stateful_set, pod) for pod in [*decided.delete, *decided.outdated])

    async def _create(self, key: Key, stateful_set: Object, pod: Object) -> None:
        made = await self.control.create(stateful_set, pod)
        self.pods.writes.created(key, made)

    async def _tend(self, seen: View, ordinal: int) -> None:
        pod, is_wanted = seen.by_ordinal[ordinal], ordinal in seen.ordinals
        if is_wanted and phase_of(pod) == "Pending":
            await self.control.create_claims(seen.stateful_set, pod, ordinal)
        elif is_wanted:
            await self.control.mend(seen.stateful_set, pod, ordinal)
        await self.control.keep_claims(seen.stateful_set, pod, ordinal, scaled_away=not is_wanted)

    async def _delete(self, key: Key, stateful_set: Object, pod: Object) -> None:
        await self.control.delete(stateful_set, pod)
        self.pods.writes.deleted(key, pod)

    async def _report(self, stateful_set: Object, status: Object) -> None:
        if not semantic_equal(status, stateful_set.get("status")):
            await self.client.update(STATEFUL_SET, {**stateful_set, "status": status}, subresource="status")


def _revision(found: Object) -> Revision:
    template = found["data"]["spec"]["template"]
    return Revision(found["metadata"]["name"], {name: value for name, value in template.items() if name != "$patch"})
