"""The EndpointSlice controller: the addresses behind each Service with a selector.

`plan` is the decision, slices.py spreads endpoints over slices. Rules: docs, EndpointSlices; upstream's
k8s.io/endpointslice.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sampan.controllers import service_pods as facts
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN, OwnWrites
from sampan.controllers.ownership import index_by_namespace
from sampan.controllers.pods import is_ready
from sampan.controllers.slices import MANAGED_BY, SERVICE_NAME, spread
from sampan.controllers.trigger_time import TriggerTimes
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.errors import APIError, Conflict, NotFound
from sampan.machinery.meta import Key, Object, controller_ref, key_of, labels_of
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import WARNING

MANAGER = "endpointslice-controller.k8s.io"
ZONE = "topology.kubernetes.io/zone"

_Place = tuple[str, tuple[tuple[str, Any, str, str], ...]]  # address type and ports: what a slice is for


@dataclass(frozen=True, slots=True)
class Plan:
    """Whole slices to write."""

    create: list[Object] = field(default_factory=list)
    update: list[Object] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)


def plan(
    service: Object, pods: Iterable[Object], nodes: Mapping[str, Object], existing: Sequence[Object], trigger: str
) -> Plan:
    """The slices of a Service; at least one per address family, if only an empty one. `existing` are all ours."""
    wanted = _wanted(service, list(pods), nodes)
    made = Plan()
    places = {_place_of(one) for one in existing} | wanted.keys()
    for place in sorted(places):
        there = [one for one in existing if _place_of(one) == place]
        _plan_place(made, service, place, there, wanted.get(place), trigger)
    return made


def _plan_place(
    made: Plan, service: Object, place: _Place, there: list[Object], wanted: list[Object] | None, trigger: str
) -> None:
    if wanted is None:
        made.delete.extend(there)
        return
    if not wanted:  # the placeholder
        _plan_placeholder(made, service, place, there, trigger)
        return
    spreading = spread(there, wanted)
    made.delete.extend(spreading.delete)
    made.create.extend(_slice(service, place, endpoints, trigger) for endpoints in spreading.create)
    made.update.extend(_updated(service, one, endpoints, trigger) for one, endpoints in spreading.update)
    made.update.extend(_relabelled(service, spreading.keep, trigger))


def _plan_placeholder(made: Plan, service: Object, place: _Place, there: list[Object], trigger: str) -> None:
    empty = [one for one in there if not one.get("endpoints")]
    made.delete.extend(one for one in there if one not in empty[:1])
    if not empty:
        made.create.append(_slice(service, place, [], trigger))
    made.update.extend(_relabelled(service, empty[:1], trigger))


def _wanted(service: Object, pods: list[Object], nodes: Mapping[str, Object]) -> dict[_Place, list[Object]]:
    wanted: dict[_Place, list[Object]] = {}
    for family in facts.families(service):
        found: dict[_Place, list[Object]] = {}
        for pod in pods:
            ports = facts.endpoint_ports(service, pod)
            endpoint = endpoint_of(service, pod, nodes, family)
            if endpoint is not None:
                found.setdefault((family, _port_key(ports)), []).append(endpoint)
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
    serving, terminating = is_ready(pod), "deletionTimestamp" in pod["metadata"]
    return {"ready": publish_all or (serving and not terminating), "serving": serving, "terminating": terminating}


def _port_key(ports: Iterable[Object]) -> tuple[tuple[str, Any, str, str], ...]:
    found = ((p.get("name") or "", p.get("port"), p.get("protocol", "TCP"), p.get("appProtocol") or "") for p in ports)
    return tuple(sorted(found, key=str))


def _place_of(one: Object) -> _Place:
    return one["addressType"], _port_key(one.get("ports") or ())


def _slice(service: Object, place: _Place, endpoints: list[Object], trigger: str) -> Object:
    family, ports = place
    meta = service["metadata"]
    return {
        "apiVersion": ENDPOINT_SLICE.api_version,
        "kind": ENDPOINT_SLICE.name,
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": _labels(service),
            "annotations": {facts.TRIGGER_TIME: trigger} if trigger else {},
            "ownerReferences": [controller_ref(service)],
        },
        "addressType": family,
        "endpoints": endpoints,
        "ports": [_port(*port) for port in ports],
    }


def _port(name: str, number: Any, protocol: str, application: str) -> Object:
    port = {"name": name, "port": number, "protocol": protocol}  # an unnamed port is written as ""
    return port | ({"appProtocol": application} if application else {})


def _labels(service: Object) -> dict[str, str]:
    labels = {name: value for name, value in labels_of(service).items() if name != facts.HEADLESS_LABEL}
    if facts.is_headless(service):
        labels[facts.HEADLESS_LABEL] = ""
    return labels | {SERVICE_NAME: service["metadata"]["name"], MANAGED_BY: MANAGER}


def _updated(service: Object, one: Object, endpoints: list[Object], trigger: str) -> Object:
    notes = {n: v for n, v in (one["metadata"].get("annotations") or {}).items() if n != facts.TRIGGER_TIME}
    notes |= {facts.TRIGGER_TIME: trigger} if trigger else {}
    return {
        **one,
        "metadata": {**one["metadata"], "labels": _labels(service), "annotations": notes},
        "endpoints": endpoints,
    }


def _relabelled(service: Object, kept: Iterable[Object], trigger: str) -> list[Object]:
    labels = _labels(service)
    return [
        _updated(service, one, one.get("endpoints") or [], trigger)
        for one in kept
        if not semantic_equal(labels_of(one), labels)
    ]


class EndpointSliceController(Controller):
    """Keeps EndpointSlices in step with Services, pods and nodes."""

    name = "endpoint-slice-controller"
    account = "endpointslice-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = self.watch(SERVICE)
        index_by_namespace(self.services)
        self.slices = self.watch(ENDPOINT_SLICE, _service_of)
        self.slices.add_index(SERVICE_NAME, lambda one: map(str, _service_of(one)))
        self.pods = self.informers.of(POD)
        index_by_namespace(self.pods)
        self.watch(POD, facts.services_of(self.services), matters=facts.endpoint_changed)
        self.nodes = self.watch(NODE, self._all_services, matters=_zone_changed)
        self.triggers = TriggerTimes()
        self.writes = OwnWrites(self.slices)

    def _all_services(self, node: Object) -> Iterable[Key]:
        return [key_of(service) for service in self.services.items() if facts.has_endpoints(service)]

    async def reconcile(self, key: Key) -> Action:
        service = self.services.get(key)
        existing = self.slices.by(SERVICE_NAME, str(key))
        if service is None:
            self.triggers.forget(key)
            self.writes.forget(key)
            await self._apply(key, None, Plan(delete=existing))
            return WAIT
        if not facts.has_endpoints(service):
            return WAIT
        if not self.writes.seen(key):
            return OWN_WRITES_UNSEEN
        pods = facts.pods_of(service, self.pods)
        nodes = {node["metadata"]["name"]: node for node in self.nodes.items()}
        made = plan(service, pods, nodes, existing, self.triggers.next(service, pods))
        await self._apply(key, service, made)
        return WAIT

    async def _apply(self, key: Key, service: Object | None, made: Plan) -> None:
        try:
            for one in made.create:
                self.writes.created(key, await self.client.create(ENDPOINT_SLICE, one))
            for one in made.update:
                await self.client.update(ENDPOINT_SLICE, one)
            for one in made.delete:
                await self._delete(key, one)
        except (Conflict, NotFound):
            raise
        except APIError as error:
            if service is not None:
                message = f"Error updating Endpoint Slices for Service {key}: {error}"
                self.recorder.event(service, WARNING, "FailedToUpdateEndpointSlices", message)
            raise

    async def _delete(self, key: Key, one: Object) -> None:
        with suppress(NotFound):
            name = one["metadata"]["name"]
            await self.client.delete(ENDPOINT_SLICE, name, key.namespace, uid=one["metadata"]["uid"])
        self.writes.deleted(key, one)


def _service_of(one: Object) -> Iterable[Key]:
    """The Service of a slice that is ours."""
    labels = labels_of(one)
    if labels.get(MANAGED_BY) != MANAGER or not labels.get(SERVICE_NAME):
        return ()
    return (Key(one["metadata"]["namespace"], labels[SERVICE_NAME]),)


def _zone_changed(old: Object, new: Object) -> bool:
    return labels_of(old).get(ZONE) != labels_of(new).get(ZONE)


CONTROLLER = EndpointSliceController
