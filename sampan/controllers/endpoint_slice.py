"""The EndpointSlice controller: the addresses behind each Service with a selector.

`plan` is the decision, slices.py spreads endpoints over slices, slice_hints/ says which zones and nodes they are for.
Rules: docs, EndpointSlices; upstream's k8s.io/endpointslice.
"""

from collections.abc import Iterable, Mapping, Sequence

from sampan.controllers import service_pods as facts
from sampan.controllers.own_slices import OwnSlices
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN
from sampan.controllers.pods import is_ready
from sampan.controllers.slice_hints import add_hints, wants_topology
from sampan.controllers.slice_hints.zones import ZONE, counts, zone_shares
from sampan.controllers.slices import MANAGED_BY, SERVICE_NAME, Form, Place, Plan, place_of, plan_place, port_key
from sampan.controllers.trigger_time import TriggerTimes
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.machinery.errors import APIError, Conflict, NotFound
from sampan.machinery.meta import Key, Object, is_deleting, key_of, labels_of
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import WARNING

MANAGER = "endpointslice-controller.k8s.io"


def plan(
    service: Object, pods: Iterable[Object], nodes: Mapping[str, Object], existing: Sequence[Object], trigger: str
) -> Plan:
    """The slices of a Service; at least one per address family, if only an empty one. `existing` are all ours."""
    wanted = _wanted(service, list(pods), nodes)
    form, made = Form(service, _labels(service), {facts.TRIGGER_TIME: trigger} if trigger else {}), Plan()
    for place in sorted({place_of(one) for one in existing} | wanted.keys(), key=str):
        there = [one for one in existing if place_of(one) == place]
        if wanted.get(place) == []:
            _plan_placeholder(made, form, place, there)
        else:
            plan_place(made, form, place, there, wanted.get(place, ()))
    return made


def _plan_placeholder(made: Plan, form: Form, place: Place, there: list[Object]) -> None:
    """Keep, or make, one empty slice."""
    empty = [one for one in there if not one.get("endpoints")][:1]
    made.delete.extend(one for one in there if one not in empty)
    if not empty:
        made.create.append(form.make(place, []))
    made.update.extend(form.remake(one, []) for one in empty if not form.fits(one))


def _wanted(service: Object, pods: list[Object], nodes: Mapping[str, Object]) -> dict[Place, list[Object]]:
    wanted: dict[Place, list[Object]] = {}
    for family in facts.families(service):
        found: dict[Place, list[Object]] = {}
        for pod in pods:
            ports = facts.endpoint_ports(service, pod)
            endpoint = endpoint_of(service, pod, nodes, family)
            if endpoint is not None:
                found.setdefault((family, port_key(ports)), []).append(endpoint)
        wanted |= found or {(family, ()): []}
    return wanted


def endpoint_of(service: Object, pod: Object, nodes: Mapping[str, Object], family: str) -> Object | None:
    """The pod as an endpoint; None if it is none, or is on a node that we do not know (unless all are published)."""
    publish_all = bool(service["spec"].get("publishNotReadyAddresses"))
    node_name = pod["spec"].get("nodeName") or ""
    addresses = facts.addresses(pod, family)
    known = node_name in nodes or publish_all or not node_name
    if not addresses or not known or not facts.belongs(pod, terminating=True):
        return None
    zone = labels_of(nodes[node_name]).get(ZONE) if node_name in nodes else None
    named = {"hostname": facts.published_hostname(service, pod), "nodeName": node_name, "zone": zone}
    return {
        "addresses": addresses,
        "conditions": _conditions(pod, publish_all=publish_all),
        "targetRef": facts.target_of(pod),
    } | {name: value for name, value in named.items() if value}


def _conditions(pod: Object, *, publish_all: bool) -> dict[str, bool]:
    serving, terminating = is_ready(pod), is_deleting(pod)
    return {"ready": publish_all or (serving and not terminating), "serving": serving, "terminating": terminating}


def _labels(service: Object) -> dict[str, str]:
    labels = {name: value for name, value in labels_of(service).items() if name != facts.HEADLESS_LABEL}
    if facts.is_headless(service):
        labels[facts.HEADLESS_LABEL] = ""
    return labels | {SERVICE_NAME: service["metadata"]["name"], MANAGED_BY: MANAGER}


class EndpointSliceController(Controller):
    """Keeps EndpointSlices in step with Services, pods and nodes."""

    name = "endpointslice-controller"
    component = "endpoint-slice-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = self.watch(SERVICE)
        facts.index_services(self.services)
        self.slices = OwnSlices(self, MANAGER)
        self.pods = self.informers.of(POD)
        facts.index_pods(self.pods)
        self.watch(POD, facts.services_of(self.services), matters=facts.endpoint_changed)
        self.nodes = self.watch(NODE, self._all_services, matters=_zone_changed)
        self.watch(NODE, self._topology_services, matters=lambda old, new: counts(old) != counts(new))
        self.triggers = TriggerTimes()
        self._shared: set[Key] = set()  # Services whose endpoints are divided among zones

    def _all_services(self, node: Object) -> Iterable[Key]:
        return [key_of(service) for service in self.services.items() if facts.has_endpoints(service)]

    def _topology_services(self, node: Object) -> Iterable[Key]:
        return [key_of(service) for service in self.services.items() if wants_topology(service)]

    async def reconcile(self, key: Key) -> Action:
        service = self.services.get(key)
        existing = self.slices.of(key)
        if service is None:
            self.triggers.forget(key)
            self.slices.writes.forget(key)
            self._shared.discard(key)
            await self.slices.write(key, Plan(delete=existing))
            return WAIT
        if not facts.has_endpoints(service):
            return WAIT
        if not self.slices.writes.seen(key):
            return OWN_WRITES_UNSEEN
        pods = facts.pods_of(service, self.pods)
        nodes = {node["metadata"]["name"]: node for node in self.nodes.items()}
        made = self._hinted(service, plan(service, pods, nodes, existing, self.triggers.next(service, pods)), existing)
        try:
            await self.slices.write(key, made)
        except (Conflict, NotFound):
            raise
        except APIError as error:
            message = f"Error updating Endpoint Slices for Service {key}: {error}"
            self.recorder.event(service, WARNING, "FailedToUpdateEndpointSlices", message)
            raise
        return WAIT

    def _hinted(self, service: Object, made: Plan, existing: Sequence[Object]) -> Plan:
        """The plan with hints; what is to be told of them is told."""
        key = key_of(service)
        shares = zone_shares(self.nodes.items()) if wants_topology(service) else {}
        hinted = add_hints(service, made, existing, shares, shared=key in self._shared)
        (self._shared.add if hinted.shared else self._shared.discard)(key)
        for event in hinted.events:
            self.recorder.event(service, *event)
        return hinted.plan


def _zone_changed(old: Object, new: Object) -> bool:
    return labels_of(old).get(ZONE) != labels_of(new).get(ZONE)


CONTROLLER = EndpointSliceController
