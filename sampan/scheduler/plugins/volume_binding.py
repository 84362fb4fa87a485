"""VolumeBinding: claims decide where a pod can run, and where it runs decides about claims that wait for it.

A claim whose class binds at once has to be bound before. One whose class waits for its first consumer is given a volume
that the node reaches, or is provisioned for the node: reserved when the node is chosen, written and waited for before
the pod is bound. The binding itself is the controller's (controllers/persistent_volume/). What can be done is decided
in volume_plan.py. Rules: docs, Storage Classes, "Volume Binding Mode"; KEP-490.
"""

from collections.abc import Sequence

from sampan.client.api import Client
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.volume_matching import SELECTED_NODE, is_bound
from sampan.machinery.meta import Key, Object, annotations_of, key_of
from sampan.reconcile.clock import Clock
from sampan.reconcile.waits import first_of
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import NodeCheck, Refusal, Rejected, Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.resource_scoring import Shape
from sampan.scheduler.state import ClusterState
from sampan.scheduler.volume_plan import Plan, claims_of, plan_on
from sampan.scheduler.volume_score import storage_score
from sampan.scheduler.volumes import Volumes

TIMEOUT = 600.0  # seconds that a pod waits for its claims
EMPTIEST = ((0, 10), (100, 0))
_RESOLVABLE = False  # no pod that goes gives a volume back


class VolumeBinding:
    """A ClusterFilter, a ClusterScore, a Reserve, a PreBind and a PostBind."""

    name = "VolumeBinding"
    events = frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_LABELS,
            ClusterEvent.CLAIM,
            ClusterEvent.VOLUME,
            ClusterEvent.STORAGE_CLASS,
            ClusterEvent.CSI_NODE,
            ClusterEvent.CSI_DRIVER,
            ClusterEvent.CSI_CAPACITY,
        }
    )

    def __init__(
        self, volumes: Volumes, client: Client, clock: Clock, timeout: float = TIMEOUT, shape: Shape = EMPTIEST
    ) -> None:
        """`shape` says how good it is to use so much of the storage that a node reaches."""
        self._volumes = volumes
        self._client = client
        self._clock = clock
        self._timeout = timeout
        self._shape = shape
        self._plans: dict[Key, Plan] = {}  # of pods on their way

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | Refusal | None:
        if not pod.claims:
            return None
        claims = claims_of(pod, self._volumes)
        if isinstance(claims, str):
            return Refusal(self.name, claims)

        def check(node: NodeInfo) -> Rejection | None:
            plan = plan_on(node, claims, self._volumes)
            return None if isinstance(plan, Plan) else Rejection(self.name, plan, _RESOLVABLE)

        return check

    def scores(self, pod: PodInfo, state: ClusterState, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
        claims = claims_of(pod, self._volumes) if pod.claims else ""
        if isinstance(claims, str) or not claims.delayed:
            return None
        plans = [plan_on(node, claims, self._volumes) for node in nodes]
        return [
            storage_score(plan, node, self._volumes, self._shape) if isinstance(plan, Plan) else 0
            for plan, node in zip(plans, nodes, strict=True)
        ]

    def reserve(self, pod: PodInfo, node: NodeInfo) -> None:
        claims = claims_of(pod, self._volumes) if pod.claims else ""
        plan = Plan() if isinstance(claims, str) else plan_on(node, claims, self._volumes)
        if not isinstance(plan, Plan):
            raise Rejected(", ".join(plan))
        if plan.bindings or plan.provisions:
            self._plans[pod.key] = plan
            self._volumes.promise([volume for volume, _ in plan.bindings], plan.provisions)

    def unreserve(self, pod: PodInfo) -> None:
        if plan := self._plans.pop(pod.key, None):
            self._volumes.withdraw([volume for volume, _ in plan.bindings], plan.provisions)

    def prepares(self, pod: PodInfo) -> bool:
        return pod.key in self._plans

    async def pre_bind(self, pod: PodInfo, node: str) -> None:
        """Write the plan, and wait until the controller and the provisioners have done their part."""
        plan = self._plans[pod.key]
        bindings = [(await self._client.update(VOLUME, volume), claim) for volume, claim in plan.bindings]
        written = Plan(bindings, [await self._client.update(CLAIM, claim) for claim in plan.provisions])
        deadline = self._clock.monotonic() + self._timeout
        with self._volumes.watched([key_of(claim) for claim in _claims(written)]) as changed:
            while not self._is_done(written, node):
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    raise Rejected("binding volumes: context deadline exceeded")
                await first_of(changed.wait(), self._clock.sleep(left))
                changed.clear()

    def post_bind(self, pod: PodInfo, node: str) -> None:
        self.unreserve(pod)

    def _is_done(self, plan: Plan, node: str) -> bool:
        """Whether every claim has its volume. Raises Rejected where that will not be."""
        claims = [self._current(claim) for claim in _claims(plan)]
        for volume, _ in plan.bindings:
            now = self._volumes.stored_volume(volume["metadata"]["name"])
            if now is None or (_is_newer(now, volume) and not (now["spec"].get("claimRef") or {}).get("uid")):
                raise Rejected(f'binding volumes: ClaimRef got reset for pv "{volume["metadata"]["name"]}"')
        for claim in plan.provisions:
            now = self._current(claim)
            if _is_newer(now, claim) and annotations_of(now).get(SELECTED_NODE) != node:
                raise Rejected(f'binding volumes: provisioning failed for PVC "{claim["metadata"]["name"]}"')
        return all(is_bound(claim) for claim in claims)

    def _current(self, claim: Object) -> Object:
        now = self._volumes.stored_claim(key_of(claim))
        if now is None or now["metadata"]["uid"] != claim["metadata"]["uid"]:
            name = claim["metadata"]["name"]
            raise Rejected(f'binding volumes: failed to check binding: persistentvolumeclaim "{name}" not found')
        return now


def _claims(plan: Plan) -> list[Object]:
    return [*(claim for _, claim in plan.bindings), *plan.provisions]


def _is_newer(seen: Object, written: Object) -> bool:
    """Whether the informer shows what was written, or what came after."""
    return int(seen["metadata"]["resourceVersion"]) >= int(written["metadata"]["resourceVersion"])
