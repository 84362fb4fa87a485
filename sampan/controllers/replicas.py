"""Keeping a number of pods alive: what ReplicationControllers and ReplicaSets have in common.

`plan` decides how many pods to create and which to delete, `status_of` what to report; both are pure.
`ReplicaController` is the thin part: it claims pods, applies the plan and writes the status. The two controllers differ
in their kind and in how a selector is written: replication_controller.py and replica_set.py.
Rules: docs, ReplicaSet; upstream's pkg/controller/replicaset.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import ClassVar

from sampan.controllers.own_writes import OWN_WRITES_UNSEEN
from sampan.controllers.ownership import CONTROLLER_INDEX, Children, index_by_controller
from sampan.controllers.pod_control import BURST, PodControl, at_once, pod_from_template, slow_start
from sampan.controllers.pods import first_to_delete, is_active, is_available, is_finished, is_ready, next_available
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery import conditions
from sampan.machinery.errors import APIError, namespace_terminates
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, controller_of, is_deleting, labels_of
from sampan.machinery.selectors import Selector
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller

REPLICA_FAILURE = "ReplicaFailure"


@dataclass(frozen=True, slots=True)
class Plan:
    """What brings the number of pods closer to what is wanted."""

    create: int = 0
    delete: Sequence[Object] = ()


def plan(wanted: int, active: Sequence[Object], related: Sequence[Object], now: datetime) -> Plan:
    """At most BURST creations or deletions. `related` are the pods that count for crowding (see first_to_delete)."""
    surplus = len(active) - wanted
    if surplus < 0:
        return Plan(create=min(-surplus, BURST))
    if surplus == 0:
        return Plan()
    return Plan(delete=first_to_delete(active, related, min(surplus, BURST), now))


def status_of(owner: Object, pods: Sequence[Object], failure: tuple[str, str] | None, now: datetime) -> Object:
    """The status for the pods that are owned; `failure` is reason and message of what the plan failed at."""
    active = [pod for pod in pods if is_active(pod)]
    template_labels = ((owner["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
    min_ready = owner["spec"].get("minReadySeconds") or 0
    old = owner.get("status") or {}
    status = {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(template_labels.items() <= labels_of(pod).items() for pod in active),
        "readyReplicas": sum(is_ready(pod) for pod in active),
        "availableReplicas": sum(is_available(pod, min_ready, now) for pod in active),
        "observedGeneration": owner["metadata"].get("generation", 0),
        "conditions": _failure_condition(old.get("conditions") or (), failure, now),
    }
    return {name: value for name, value in status.items() if value or name == "replicas"}


def _failure_condition(old: Sequence[Object], failure: tuple[str, str] | None, now: datetime) -> list[Object]:
    """Set with the first failure, and removed when there is none any more."""
    if failure is None:
        return conditions.without(old, REPLICA_FAILURE)
    if conditions.find(old, REPLICA_FAILURE) is not None:
        return list(old)
    return conditions.with_condition(old, REPLICA_FAILURE, conditions.TRUE, *failure, now, updates=False)


def next_availability(owner: Object, pods: Sequence[Object], now: datetime) -> Action:
    """When the next ready pod becomes available by the passing of time alone."""
    min_ready = owner["spec"].get("minReadySeconds") or 0
    soonest = next_available(filter(is_active, pods), min_ready, now)
    return WAIT if soonest is None else after(soonest)


class ReplicaController(Controller):
    """The shell around `plan`. Subclasses name their kind and read their selector."""

    kind: ClassVar[Kind]
    reports_terminating: ClassVar[bool] = False  # whether the status has terminatingReplicas

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.owners = self.watch(self.kind)
        index_by_controller(self.owners)
        self.pods = Children(self, self.owners, POD, self.selector)
        self.control = PodControl(self.client, self.recorder)

    def selector(self, owner: Object) -> Selector:
        """Which pods the owner counts."""
        raise NotImplementedError

    async def reconcile(self, key: Key) -> Action:
        owner = self.owners.get(key)
        if owner is None:
            self.pods.writes.forget(key)
            return WAIT
        if not self.pods.writes.seen(key):
            return OWN_WRITES_UNSEEN
        pods = await self.pods.of(owner, lambda pod: not is_finished(pod))
        failure = None if is_deleting(owner) else await self._apply(key, owner, pods)
        await self._report(owner, pods, failure)
        if failure is not None:
            raise failure[1]
        return next_availability(owner, pods, self.clock.now())

    async def _apply(self, key: Key, owner: Object, pods: Sequence[Object]) -> tuple[str, APIError] | None:
        """Create and delete as planned; what failed, if anything did that matters."""
        active = [pod for pod in pods if is_active(pod)]
        wanted = owner["spec"].get("replicas", 1)
        related = self._related(owner) if len(active) > wanted else ()
        decided = plan(wanted, active, related, self.clock.now())
        try:
            reason = "FailedCreate"
            await slow_start(decided.create, partial(self._create, key, owner))
            reason = "FailedDelete"
            await at_once(self._delete(key, owner, pod) for pod in decided.delete)
        except APIError as error:
            return None if namespace_terminates(error) else (reason, error)
        return None

    async def _create(self, key: Key, owner: Object) -> None:
        pod = pod_from_template(owner["spec"]["template"], owner, key.namespace)
        self.pods.writes.created(key, await self.control.create(pod, owner))

    async def _delete(self, key: Key, owner: Object, pod: Object) -> None:
        await self.control.delete(pod, owner)
        self.pods.writes.deleted(key, pod)

    def _related(self, owner: Object) -> list[Object]:
        """The pods of all owners that have the same controller as this one: the ReplicaSets of one Deployment."""
        above = controller_of(owner)
        siblings = self.owners.by(CONTROLLER_INDEX, above.uid) if above else [owner]
        pods = self.pods.informer
        return [pod for sibling in siblings for pod in pods.by(CONTROLLER_INDEX, sibling["metadata"]["uid"])]

    async def _report(self, owner: Object, pods: Sequence[Object], failure: tuple[str, APIError] | None) -> None:
        shown = (failure[0], str(failure[1])) if failure else None
        status = status_of(owner, pods, shown, self.clock.now())
        if self.reports_terminating:
            status["terminatingReplicas"] = sum(is_deleting(pod) for pod in pods)
        if not semantic_equal(status, _comparable(owner.get("status") or {}, status)):
            await self.client.update(self.kind, {**owner, "status": status}, subresource="status")


def _comparable(old: Object, new: Object) -> Object:
    """The old status with counts that are written as 0 in one form and left out in the other made alike."""
    return {name: value for name, value in old.items() if value or name in new}
