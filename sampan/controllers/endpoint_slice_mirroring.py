"""Mirrors Endpoints that somebody wrote by hand, for a Service without a selector, into EndpointSlices.

So that whoever routes packets needs to read EndpointSlices only. Rules: docs, EndpointSlices, "EndpointSlice
mirroring".
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from sampan.controllers.endpoint_slice import Plan
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN, OwnWrites
from sampan.controllers.slices import MANAGED_BY, SERVICE_NAME, spread
from sampan.kinds.core.endpoints import KIND as ENDPOINTS
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, annotations_of, controller_ref, is_deleting, labels_of
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
NOT_COPIED = frozenset((SKIP, "endpoints.kubernetes.io/managed-by"))
MAX_PER_SUBSET = 1000

_Place = tuple[str, tuple[tuple[str, int, str, str], ...]]


def should_mirror(endpoints: Object | None, service: Object | None) -> bool:
    """Whether these Endpoints are somebody's own and are not told to be left alone."""
    if endpoints is None or service is None or is_deleting(endpoints):
        return False
    skipped = labels_of(endpoints).get(SKIP) == "true" or LEADER in annotations_of(endpoints)
    return not skipped and not service["spec"].get("selector") and service["spec"].get("type") != "ExternalName"


def plan(endpoints: Object, existing: Sequence[Object]) -> Plan:
    """The slices that mirror the Endpoints."""
    wanted = _wanted(endpoints)
    made = Plan()
    for place in sorted({_place_of(one) for one in existing} | wanted.keys()):
        there = [one for one in existing if _place_of(one) == place]
        spreading = spread(there, wanted.get(place, []))
        made.delete.extend(spreading.delete)
        made.create.extend(_slice(endpoints, place, found) for found in spreading.create)
        made.update.extend({**one, "endpoints": found} for one, found in spreading.update)
    return made


def _wanted(endpoints: Object) -> dict[_Place, list[Object]]:
    wanted: dict[_Place, list[Object]] = {}
    for subset in endpoints.get("subsets") or ():
        ports = _port_key(subset.get("ports") or ())
        states = [(address, True) for address in subset.get("addresses") or ()]
        states += [(address, False) for address in subset.get("notReadyAddresses") or ()]
        for address, ready in states[:MAX_PER_SUBSET]:
            family = "IPv6" if ":" in address["ip"] else "IPv4"
            wanted.setdefault((family, ports), []).append(_endpoint(address, ready=ready))
    return wanted


def _endpoint(address: Object, *, ready: bool) -> Object:
    named = {name: address[name] for name in ("hostname", "nodeName", "targetRef") if address.get(name)}
    return {"addresses": [address["ip"]], "conditions": {"ready": ready}} | named


def _port_key(ports: Iterable[Object]) -> tuple[tuple[str, int, str, str], ...]:
    found = ((p.get("name") or "", p["port"], p.get("protocol", "TCP"), p.get("appProtocol") or "") for p in ports)
    return tuple(sorted(found))


def _place_of(one: Object) -> _Place:
    return one["addressType"], _port_key(one.get("ports") or ())


def _slice(endpoints: Object, place: _Place, found: list[Object]) -> Object:
    family, ports = place
    meta = endpoints["metadata"]
    labels = {name: value for name, value in labels_of(endpoints).items() if name not in NOT_COPIED}
    return {
        "apiVersion": ENDPOINT_SLICE.api_version,
        "kind": ENDPOINT_SLICE.name,
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": labels | {SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER},
            "ownerReferences": [controller_ref(endpoints)],
        },
        "addressType": family,
        "endpoints": found,
        "ports": [
            {"name": name, "port": number, "protocol": protocol} | ({"appProtocol": app} if app else {})
            for name, number, protocol, app in ports
        ],
    }


class EndpointSliceMirroringController(Controller):
    """Keeps mirrored EndpointSlices in step with custom Endpoints."""

    name = "endpoint-slice-mirroring-controller"
    account = "endpointslicemirroring-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = self.watch(SERVICE)
        self.endpoints = self.watch(ENDPOINTS)
        self.slices = self.watch(ENDPOINT_SLICE, _endpoints_of)
        self.slices.add_index(MANAGER, lambda one: map(str, _endpoints_of(one)))
        self.writes = OwnWrites(self.slices)

    async def reconcile(self, key: Key) -> Action:
        endpoints, service = self.endpoints.get(key), self.services.get(key)
        existing = self.slices.by(MANAGER, str(key))
        if not self.writes.seen(key):
            return OWN_WRITES_UNSEEN
        if endpoints is not None and should_mirror(endpoints, service):
            await self._apply(key, plan(endpoints, existing))
        else:
            await self._apply(key, Plan(delete=existing))
        return WAIT

    async def _apply(self, key: Key, made: Plan) -> None:
        for one in made.create:
            self.writes.created(key, await self.client.create(ENDPOINT_SLICE, one))
        for one in made.update:
            await self.client.update(ENDPOINT_SLICE, one)
        for one in made.delete:
            with suppress(NotFound):
                name = one["metadata"]["name"]
                await self.client.delete(ENDPOINT_SLICE, name, key.namespace, uid=one["metadata"]["uid"])
            self.writes.deleted(key, one)


def _endpoints_of(one: Object) -> Iterable[Key]:
    """The Endpoints that a slice of ours mirrors."""
    labels = labels_of(one)
    if labels.get(MANAGED_BY) != MANAGER or not labels.get(SERVICE_NAME):
        return ()
    return (Key(one["metadata"]["namespace"], labels[SERVICE_NAME]),)


CONTROLLER = EndpointSliceMirroringController
