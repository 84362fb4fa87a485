"""Mirrors Endpoints that somebody wrote by hand, for a Service without a selector, into EndpointSlices.

So that whoever routes packets needs to read EndpointSlices only. Rules: docs, EndpointSlices, "EndpointSlice
mirroring".
"""

from collections.abc import Mapping, Sequence

from sampan.controllers.own_slices import OwnSlices
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN
from sampan.controllers.service_pods import TRIGGER_TIME
from sampan.controllers.slices import MANAGED_BY, SERVICE_NAME, Form, Place, Plan, place_of, plan_place, port_key
from sampan.kinds.core.endpoints import KIND as ENDPOINTS
from sampan.kinds.core.service import KIND as SERVICE
from sampan.machinery.meta import Key, Object, annotations_of, is_deleting, labels_of
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
NOT_COPIED = frozenset(
    (SKIP, "endpoints.kubernetes.io/managed-by", "kubectl.kubernetes.io/last-applied-configuration", TRIGGER_TIME)
)
MAX_PER_SUBSET = 1000


def should_mirror(endpoints: Object, service: Object | None) -> bool:
    """Whether these Endpoints are somebody's own and are not told to be left alone."""
    if service is None or is_deleting(endpoints):
        return False
    skipped = labels_of(endpoints).get(SKIP) == "true" or LEADER in annotations_of(endpoints)
    return not skipped and not service["spec"].get("selector") and service["spec"].get("type") != "ExternalName"


def plan(endpoints: Object, existing: Sequence[Object]) -> Plan:
    """The slices that mirror the Endpoints."""
    wanted = _wanted(endpoints)
    ours = {SERVICE_NAME: endpoints["metadata"]["name"], MANAGED_BY: MANAGER}
    form = Form(endpoints, _copied(labels_of(endpoints)) | ours, _copied(annotations_of(endpoints)))
    made = Plan()
    for place in sorted({place_of(one) for one in existing} | wanted.keys(), key=str):
        there = [one for one in existing if place_of(one) == place]
        plan_place(made, form, place, there, wanted.get(place, ()))
    return made


def _copied(found: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in found.items() if name not in NOT_COPIED}


def _wanted(endpoints: Object) -> dict[Place, list[Object]]:
    wanted: dict[Place, list[Object]] = {}
    for subset in endpoints.get("subsets") or ():
        ports = port_key(subset.get("ports") or ())
        states = [(address, True) for address in subset.get("addresses") or ()]
        states += [(address, False) for address in subset.get("notReadyAddresses") or ()]
        for address, ready in states[:MAX_PER_SUBSET]:
            family = "IPv6" if ":" in address["ip"] else "IPv4"
            wanted.setdefault((family, ports), []).append(_endpoint(address, ready=ready))
    return wanted


def _endpoint(address: Object, *, ready: bool) -> Object:
    named = {name: address[name] for name in ("hostname", "nodeName", "targetRef") if address.get(name)}
    return {"addresses": [address["ip"]], "conditions": {"ready": ready}} | named


class EndpointSliceMirroringController(Controller):
    """Keeps mirrored EndpointSlices in step with custom Endpoints."""

    name = "endpointslice-mirroring-controller"
    component = "endpoint-slice-mirroring-controller"
    account = "endpointslicemirroring-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = self.watch(SERVICE)
        self.endpoints = self.watch(ENDPOINTS)
        self.slices = OwnSlices(self, MANAGER)

    async def reconcile(self, key: Key) -> Action:
        endpoints, service = self.endpoints.get(key), self.services.get(key)
        existing = self.slices.of(key)
        if not self.slices.writes.seen(key):
            return OWN_WRITES_UNSEEN
        if endpoints is not None and should_mirror(endpoints, service):
            await self.slices.write(key, plan(endpoints, existing))
        else:
            await self.slices.write(key, Plan(delete=existing))
        return WAIT


CONTROLLER = EndpointSliceMirroringController
