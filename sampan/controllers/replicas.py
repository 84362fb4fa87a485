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

from sampan.controllers import conditions
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN, OwnWrites
from sampan.controllers.ownership import (
    claim,
    index_by_controller,
    index_by_namespace,
    owned_or_claimable,
    owner_or_candidates,
    take_over,
)
from sampan.controllers.pod_control import BURST, PodControl, at_once, pod_from_template, slow_start
from sampan.controllers.pods import available_in, first_to_delete, is_active, is_available, is_finished, is_ready
from sampan.kinds.core.pod import KIND as POD
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
    waits = [available_in(pod, min_ready, now) for pod in pods if is_active(pod)]
    soonest = min((wait for wait in waits if wait), default=None)
    return WAIT if soonest is None else after(soonest)


class ReplicaController(Controller):
    """The shell around `plan`. Subclasses name their kind and read their selector."""

    kind: ClassVar[Kind]
    reports_terminating: ClassVar[bool] = False  # whether the status has terminatingReplicas

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.owners = self.watch(self.kind)
        index_by_namespace(self.owners)
        index_by_controller(self.owners)
        self.pods = self.informers.of(POD)
        index_by_controller(self.pods)
        self.watch(POD, owner_or_candidates(self.kind, self.owners, self.selector))
        self.control = PodControl(self.client, self.recorder)
        self.writes = OwnWrites(self.pods)

    def selector(self, owner: Object) -> Selector:
        """Which pods the owner counts."""
        raise NotImplementedError

    async def reconcile(self, key: Key) -> Action:
        owner = self.owners.get(key)
        if owner is None:
            self.writes.forget(key)
            return WAIT
        if not self.writes.seen(key):
            return OWN_WRITES_UNSEEN
        pods = await self._owned(owner)
        failure = None if is_deleting(owner) else await self._apply(key, owner, pods)
        await self._report(owner, pods, failure)
        if failure is not None and not namespace_terminates(failure[1]):
            raise failure[1]
        return next_availability(owner, pods, self.clock.now())

    async def _owned(self, owner: Object) -> list[Object]:
        found = [pod for pod in owned_or_claimable(self.pods, owner) if not is_finished(pod)]
        claimed = claim(owner, self.selector(owner), found)
        return await take_over(self.client, self.kind, owner, POD, claimed)

    async def _apply(self, key: Key, owner: Object, pods: Sequence[Object]) -> tuple[str, APIError] | None:
        """Create and delete as planned; what failed, if anything."""
        active = [pod for pod in pods if is_active(pod)]
        wanted = owner["spec"].get("replicas")
        decided = plan(1 if wanted is None else wanted, active, self._related(owner), self.clock.now())
        try:
            reason = "FailedCreate"
            await slow_start(decided.create, partial(self._create, key, owner))
            reason = "FailedDelete"
            await at_once(self._delete(key, owner, pod) for pod in decided.delete)
        except APIError as error:
            return reason, error
        return None

    async def _create(self, key: Key, owner: Object) -> None:
        pod = pod_from_template(owner["spec"]["template"], owner, key.namespace)
        self.writes.created(key, await self.control.create(pod, owner))

    async def _delete(self, key: Key, owner: Object, pod: Object) -> None:
        await self.control.delete(pod, owner)
        self.writes.deleted(key, pod)

    def _related(self, owner: Object) -> list[Object]:
        """The pods of all owners that have the same controller as this one: the ReplicaSets of one Deployment."""
        above = controller_of(owner)
        siblings = self.owners.by("controller", above.uid) if above else [owner]
        return [pod for sibling in siblings for pod in self.pods.by("controller", sibling["metadata"]["uid"])]

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
