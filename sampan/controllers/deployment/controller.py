"""The Deployment controller: writes what plan.py plans.

Arithmetic is in rollout.py, revisions in revision.py, status in status.py, going back
in rollback.py. Events are upstream's, in the wording of 1.27 and newer.
"""

from collections.abc import Iterable, Sequence

from sampan.controllers.deployment import revision
from sampan.controllers.deployment import status as progress
from sampan.controllers.deployment.plan import Plan, Resize, plan
from sampan.controllers.deployment.rollback import roll_back
from sampan.controllers.deployment.rollout import name_of, size_of
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN
from sampan.controllers.ownership import CONTROLLER_INDEX, Children, index_by_controller
from sampan.controllers.pods import is_finished
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.apps.replica_set import KIND as REPLICA_SET
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import AlreadyExists, APIError, namespace_terminates
from sampan.machinery.meta import Key, Object, annotations_of, controller_of, is_deleting, key_of
from sampan.machinery.selectors import Selector, from_label_selector
from sampan.machinery.tree import is_empty, semantic_equal
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import NORMAL, WARNING


def selector_of(deployment: Object) -> Selector:
    """Which pods, and which ReplicaSets, belong to it."""
    return from_label_selector(deployment["spec"].get("selector"))


class DeploymentController(Controller):
    """Rolls Deployments out."""

    name = "deployment-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.deployments = self.watch(DEPLOYMENT)
        self.sets = Children(self, self.deployments, REPLICA_SET, selector_of)
        self.pods = self.watch(POD, self._recreated_by)
        index_by_controller(self.pods)

    def _recreated_by(self, pod: Object) -> Iterable[Key]:
        """The Deployment that waits for its old pods to be gone. Others learn of pods from their ReplicaSets."""
        owner = controller_of(pod)
        if owner is None or owner.kind != REPLICA_SET.name:
            return ()
        above = self.sets.informer.get(Key(pod["metadata"]["namespace"], owner.name))
        top = controller_of(above) if above else None
        key = Key(pod["metadata"]["namespace"], top.name) if top else None
        deployment = self.deployments.get(key) if key else None
        if key is None or deployment is None or deployment["spec"].get("strategy", {}).get("type") != "Recreate":
            return ()
        return (key,)

    async def reconcile(self, key: Key) -> Action:
        deployment = self.deployments.get(key)
        if deployment is None:
            self.sets.writes.forget(key)
            return WAIT
        if is_empty(deployment["spec"].get("selector")):
            return await self._refuse(deployment)
        if not self.sets.writes.seen(key):
            return OWN_WRITES_UNSEEN
        return await self._sync(key, deployment, await self.sets.of(deployment))

    async def _refuse(self, deployment: Object) -> Action:
        message = "This deployment is selecting all pods. A non-empty selector is required."
        self.recorder.event(deployment, WARNING, "SelectingAll", message)
        generation = deployment["metadata"].get("generation", 0)
        status = deployment.get("status") or {}
        await self._report(deployment, {**deployment, "status": {**status, "observedGeneration": generation}})
        return WAIT

    async def _sync(self, key: Key, deployment: Object, sets: Sequence[Object]) -> Action:
        now = self.clock.now()
        if is_deleting(deployment):
            new = revision.current_of(deployment, sets)
            status = progress.counted(deployment, new, [rs for rs in sets if rs is not new], now)
            await self._report(deployment, {**deployment, "status": status})
            return WAIT
        if revision.ROLLBACK_TO in annotations_of(deployment) and not deployment["spec"].get("paused"):
            await self._roll_back(deployment, sets)
            return WAIT
        decided = plan(deployment, sets, self._old_pods_run(deployment, sets), now)
        await self._apply(key, deployment, decided)
        return decided.then

    def _old_pods_run(self, deployment: Object, sets: Sequence[Object]) -> bool:
        new = revision.current_of(deployment, sets)
        old = [rs for rs in sets if rs is not new]
        pods = [pod for rs in old for pod in self.pods.by(CONTROLLER_INDEX, rs["metadata"]["uid"])]
        return any((rs.get("status") or {}).get("replicas") for rs in old) or not all(map(is_finished, pods))

    async def _roll_back(self, deployment: Object, sets: Sequence[Object]) -> None:
        result = roll_back(deployment, sets)
        self.recorder.event(deployment, result.type, result.reason, result.message)
        await self.client.update(DEPLOYMENT, result.deployment)

    async def _apply(self, key: Key, deployment: Object, decided: Plan) -> None:
        if decided.create is not None:
            await self._create(key, deployment, decided.create)
        for change in decided.resize:
            await self._resize(deployment, change)
        for rs in decided.delete:
            await self.client.delete(REPLICA_SET, name_of(rs), key.namespace, uid=rs["metadata"]["uid"])
        await self._report(deployment, decided.deployment)

    async def _create(self, key: Key, deployment: Object, rs: Object) -> None:
        try:
            made = await self.client.create(REPLICA_SET, rs)
        except AlreadyExists:
            await self._collided(deployment, rs)
            return
        except APIError as error:
            if not namespace_terminates(error) and progress.has_deadline(deployment):
                failed = progress.with_create_error(deployment, name_of(rs), error, self.clock.now())
                await self._report(deployment, failed)
            raise
        self.sets.writes.created(key, made)
        if size_of(made):
            message = f"Scaled up replica set {name_of(made)} from 0 to {size_of(made)}"
            self.recorder.event(deployment, NORMAL, "ScalingReplicaSet", message)

    async def _collided(self, deployment: Object, rs: Object) -> None:
        """The name is taken: by ourselves, which is fine, or by a template with the same hash, so count collisions."""
        key = key_of(rs)
        found = await self.client.get(REPLICA_SET, key.name, key.namespace)
        owner = controller_of(found)
        same = revision.same_template(found["spec"]["template"], rs["spec"]["template"])
        if owner is not None and owner.uid == deployment["metadata"]["uid"] and same:
            return
        status = deployment.get("status") or {}
        collisions = (status.get("collisionCount") or 0) + 1
        await self._report(deployment, {**deployment, "status": {**status, "collisionCount": collisions}})
        raise AlreadyExists.of(REPLICA_SET.plural, REPLICA_SET.group, key.name)

    async def _resize(self, deployment: Object, change: Resize) -> None:
        await self.client.update(REPLICA_SET, change.new)
        old, new = size_of(change.old), size_of(change.new)
        if old != new:
            direction = "up" if new > old else "down"
            message = f"Scaled {direction} replica set {name_of(change.new)} from {old} to {new}"
            self.recorder.event(deployment, NORMAL, "ScalingReplicaSet", message)

    async def _report(self, old: Object, new: Object) -> None:
        same_notes = annotations_of(old) == annotations_of(new)
        if not same_notes or not semantic_equal(_without_zeros(old), _without_zeros(new)):
            await self.client.update(DEPLOYMENT, new, subresource="status")


def _without_zeros(deployment: Object) -> Object:
    """The status with a count of 0 and a missing count made alike."""
    return {name: value for name, value in (deployment.get("status") or {}).items() if value}
