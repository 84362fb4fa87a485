"""DynamicResources: a pod goes where the devices are that its claims have, or can get (KEP-4381).

Claims without devices are given some when a node is chosen: kept for them at once (devices/store.py), written down and
reserved for the pod before it is bound. What can be had is decided in devices/allocator.py. Claims are made from
templates, and let go of, by a controller (controllers/resource_claim/). Rules: docs, Dynamic Resource Allocation.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sampan.client.api import Client
from sampan.kinds.core.node_selectors import any_term
from sampan.machinery.meta import Key, Object, key_of
from sampan.machinery.tree import with_changes
from sampan.reconcile.clock import Clock
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.devices.allocator import Budget, InvalidPools, Offer, OutOfBudget, allocate
from sampan.scheduler.devices.asking import AllocationError, Asked, Claim, classes_of, is_too_much, read
from sampan.scheduler.devices.attempt import Allocations, Attempt
from sampan.scheduler.devices.pod_claims import allocation_of, claims_of, entries, is_reserved
from sampan.scheduler.devices.results import allocation, score
from sampan.scheduler.devices.store import Devices
from sampan.scheduler.devices.turns import Limits, Turn
from sampan.scheduler.devices.verdicts import NotJudged, Verdicts
from sampan.scheduler.devices.writing import deallocate, write
from sampan.scheduler.framework import NodeCheck, PluginError, Refusal, Rejected, Rejection, Unfinished, stretch
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

_DEFAULT_LIMITS = Limits()
_RESOLVABLE = False  # no pod that goes gives devices back at once


@dataclass(frozen=True, slots=True)
class _Plan:
    claims: Sequence[Object]
    allocations: Allocations
    promised: Sequence[Object]


class DynamicResources:
    """A PreEnqueue, LookAhead, ClusterFilter, ClusterScore, PostFilter, Reserve, PreBind and PostBind."""

    name = "DynamicResources"
    events = frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_LABELS,
            ClusterEvent.NODE_ALLOCATABLE,
            ClusterEvent.RESOURCE_CLAIM,
            ClusterEvent.DEVICE_CLASS,
            ClusterEvent.RESOURCE_SLICE,
        }
    )

    def __init__(self, devices: Devices, client: Client, clock: Clock, limits: Limits = _DEFAULT_LIMITS) -> None:
        self._devices = devices
        self._client = client
        self._clock = clock
        self._limits = limits
        self._turn = Turn(limits.turn)
        self._verdicts = Verdicts()
        self._judged: dict[tuple[str, ...], int] = {}  # selectors, with the version of the devices that they judged
        self._attempt: Attempt | None = None  # the last
        self._plans: dict[Key, _Plan] = {}  # of pods on their way

    # Before a decision

    def holds(self, pod: PodInfo) -> bool:
        return isinstance(self._claims(pod), str)

    def lacks(self, pod: PodInfo) -> bool:
        return any(self._judged.get(_expressions(asked)) != self._devices.offered.version for asked in self._asked(pod))

    async def look_ahead(self, pod: PodInfo) -> None:
        """Ask selectors about devices, beside the loop."""
        version = self._devices.offered.version
        wanted = [asked for asked in self._asked(pod) if self._judged.get(_expressions(asked)) != version]
        if await asyncio.to_thread(self._verdicts.look_ahead, wanted, self._devices.offered.all_devices()):
            self._judged = {key: at for key, at in self._judged.items() if at == version}
            self._judged |= {_expressions(asked): version for asked in wanted}

    def _claims(self, pod: PodInfo) -> list[Object] | str:
        return claims_of(pod.object, self._devices.claim)

    def _asked(self, pod: PodInfo) -> list[Asked]:
        """All that the pod's claims still ask for; nothing where something is wrong, which `prepare` will tell."""
        claims = self._claims(pod) if entries(pod.object) else ""
        if isinstance(claims, str):
            return []
        unallocated = [claim for claim in claims if allocation_of(claim) is None]
        if is_too_much(unallocated, self._devices.device_class):
            return []
        try:
            wanted = [read(claim, self._devices.device_class) for claim in unallocated]
        except AllocationError:
            return []
        return [asked for claim in wanted for choices in claim.requests for asked in choices]

    # Deciding

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | Refusal | None:
        before, self._attempt = self._attempt, None
        if not entries(pod.object):
            return None
        claims = self._claims(pod)
        if isinstance(claims, str):
            return Refusal(self.name, claims)
        if not claims:
            return None
        unallocated = [claim for claim in claims if allocation_of(claim) is None]
        if is_too_much(unallocated, self._devices.device_class):
            return Refusal(self.name, "the resource claims ask for too much at once")
        if why := next(filter(None, map(self._obstacle, unallocated)), ""):
            return Refusal(self.name, why)
        attempt = self._begun(pod, claims, unallocated, before)
        self._attempt = attempt
        return lambda node: self._check(attempt, node)

    def _begun(
        self, pod: PodInfo, claims: Sequence[Object], wanted: Sequence[Object], before: Attempt | None
    ) -> Attempt:
        """The last attempt goes on where it stopped, or is of use, if it was about this pod and nothing has changed."""
        spent = before.spent if before is not None and before.pod == pod.key and before.unfinished else 0
        if before is None or before.at != self._devices.changes or before.claims != claims or before.pod != pod.key:
            return Attempt(pod.key, self._devices.changes, claims, self._read(wanted), spent)
        before.spent, before.unfinished = spent, False
        return before

    def _obstacle(self, claim: Object) -> str:
        """Why a claim can get nothing on any node."""
        if self._devices.is_promised(claim):
            return f"resource claim {key_of(claim)} is in the process of being allocated"
        for request, name in classes_of(claim):
            if self._devices.device_class(name) is None:
                return f"request {request}: device class {name} does not exist"
        return ""

    def _read(self, claims: Sequence[Object]) -> list[Claim]:
        try:
            return [read(claim, self._devices.device_class) for claim in claims]
        except AllocationError as error:
            raise self._error(str(error)) from error

    def _check(self, attempt: Attempt, node: NodeInfo) -> Rejection | None:
        found = self._allocate(attempt, node)
        if isinstance(found, str):
            return Rejection(self.name, (found,), _RESOLVABLE)
        unavailable = [claim for claim in attempt.claims if not _is_available(claim, node)]
        if unavailable:
            attempt.unavailable |= {claim["metadata"]["uid"]: claim for claim in unavailable}
            return Rejection(self.name, ("resourceclaim not available on the node",), _RESOLVABLE)
        return None

    def _allocate(self, attempt: Attempt, node: NodeInfo) -> Allocations | str:
        """What the claims that have nothing could get on a node, or why they can't. Raises PluginError."""
        if not attempt.wanted:
            return {}
        known = attempt.found.get(node.name)
        if known is None or known[0] != node.generation:
            known = attempt.found[node.name] = node.generation, self._search(attempt, node)
        return known[1]

    def _search(self, attempt: Attempt, node: NodeInfo) -> Allocations | str:
        if not self._turn.left:
            attempt.unfinished = True
            raise Unfinished(f"node {node.name}: the search for devices goes on")
        granted = min(self._limits.node, max(self._limits.pod - attempt.spent, 0))
        budget = Budget(granted)
        try:
            return self._picked(attempt, node, budget)
        finally:
            spent = granted - max(budget.left, 0)
            attempt.spent += spent
            self._turn.spend(spent)

    def _picked(self, attempt: Attempt, node: NodeInfo, budget: Budget) -> Allocations | str:
        offer = Offer(self._devices.offered.pools_for(node.name), self._devices.taken, self._verdicts.matches)
        try:
            found = allocate(attempt.wanted, (node.name, node.labels), offer, budget)
        except InvalidPools as error:
            return str(error)
        except (OutOfBudget, NotJudged):
            raise self._error(f"node {node.name}: timed out trying to allocate devices") from None
        except AllocationError as error:
            raise self._error(str(error)) from error
        if found is None:
            return "cannot allocate all claims"
        made = zip(attempt.wanted, found, strict=True)
        return {claim.object["metadata"]["uid"]: allocation(claim, chosen, node.name) for claim, chosen in made}

    def _error(self, message: str) -> PluginError:
        return PluginError(f'running "{self.name}" filter plugin: {message}')

    def scores(self, pod: PodInfo, state: ClusterState, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
        attempt = self._attempt
        if attempt is None or attempt.pod != pod.key:
            return None
        return stretch([self._score(attempt, node) for node in nodes], reverse=False)

    def _score(self, attempt: Attempt, node: NodeInfo) -> int:
        allocations = self._allocate(attempt, node)
        if isinstance(allocations, str):
            return 0
        total = 0
        for claim in attempt.claims:
            if got := allocation_of(claim) or allocations.get(claim["metadata"]["uid"]):
                total += score(claim, got)
        return total

    async def post_filter(self, pod: PodInfo) -> str:
        """Take away what a claim has where it keeps the pod from every node, and no other pod needs it."""
        attempt = self._attempt
        for claim in attempt.unavailable.values() if attempt is not None and attempt.pod == pod.key else ():
            reserved = claim["status"].get("reservedFor") or ()
            if all(one.get("uid") == pod.uid for one in reserved):
                await deallocate(self._client, claim)
                return "deallocation of ResourceClaim completed"
        return ""

    # Acting

    def reserve(self, pod: PodInfo, node: NodeInfo) -> None:
        attempt = self._attempt
        if not entries(pod.object) or attempt is None or attempt.pod != pod.key:
            return
        found = self._allocate(attempt, node)
        if isinstance(found, str):
            raise Rejected("claim allocation not found for node")
        promised = [
            with_changes(claim.object, {("status", "allocation"): found[claim.object["metadata"]["uid"]]})
            for claim in attempt.wanted
        ]
        if promised or not all(is_reserved(claim, pod.uid) for claim in attempt.claims):
            self._plans[pod.key] = _Plan(attempt.claims, found, promised)
            self._devices.promise(promised)

    def unreserve(self, pod: PodInfo) -> None:
        if plan := self._plans.pop(pod.key, None):
            self._devices.withdraw(plan.promised)

    def prepares(self, pod: PodInfo) -> bool:
        return pod.key in self._plans

    async def pre_bind(self, pod: PodInfo, node: str) -> None:
        """Write down what claims get, and that they are the pod's."""
        plan = self._plans[pod.key]
        for claim in plan.claims:
            if not is_reserved(claim, pod.uid):
                allocated = plan.allocations.get(claim["metadata"]["uid"])
                self._devices.confirm(await write(self._client, claim, allocated, pod, self._clock.now()))

    def post_bind(self, pod: PodInfo, node: str) -> None:
        self.unreserve(pod)


def _expressions(asked: Asked) -> tuple[str, ...]:
    return tuple(selector.expression for selector in asked.selectors)


def _is_available(claim: Object, node: NodeInfo) -> bool:
    """Whether what a claim has got, if it has, can be used on a node."""
    selector = (allocation_of(claim) or {}).get("nodeSelector")
    return selector is None or any_term(selector.get("nodeSelectorTerms") or (), node.labels, node.name)
