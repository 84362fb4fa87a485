"""The Endpoints controller: the addresses behind each Service with a selector, in the older form.

`subsets_of` is the decision. Rules: docs, Service, "Endpoints"; upstream's pkg/controller/endpoint.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from sampan.controllers import service_pods as facts
from sampan.controllers.pods import is_ready
from sampan.controllers.trigger_time import TriggerTimes
from sampan.kinds.core.endpoints import KIND as ENDPOINTS
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.machinery.errors import APIError, Conflict, NotFound
from sampan.machinery.meta import Key, Object, annotations_of, key_of, labels_of
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import WARNING

MAX_ADDRESSES = 1000
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MANAGED_BY = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"

_Address = tuple[str, str]  # address and pod uid: names an address
_Port = tuple[str, int, str, str]  # name, number, protocol, application protocol


def subsets_of(service: Object, pods: Iterable[Object]) -> list[Object]:
    """The subsets: addresses that have the same ports, and ports that have the same addresses, stand together."""
    publish_all = bool(service["spec"].get("publishNotReadyAddresses"))
    shown: dict[_Address, Object] = {}
    readiness: dict[_Port | None, dict[_Address, bool]] = {}
    for pod in pods:
        address = _address(service, pod, publish_all)
        if address is None:
            continue
        name = (address["ip"], pod["metadata"]["uid"])
        shown[name] = address
        for port in _ports(service, pod):
            readiness.setdefault(port, {})[name] = publish_all or is_ready(pod)
    return _packed(shown, readiness)


def _address(service: Object, pod: Object, publish_all: bool) -> Object | None:
    ips = facts.addresses(pod, facts.families(service)[0])
    if not ips or not facts.belongs(pod, terminating=publish_all):
        return None
    hostname, node = facts.published_hostname(service, pod), pod["spec"].get("nodeName")
    address = {"ip": ips[0], "hostname": hostname, "nodeName": node}
    return {name: value for name, value in address.items() if value} | {"targetRef": facts.target_of(pod)}


def _ports(service: Object, pod: Object) -> list[_Port | None]:
    if not service["spec"].get("ports"):
        return [None] if facts.is_headless(service) else []
    return [
        (port.get("name", ""), port["port"], port["protocol"], port.get("appProtocol", ""))
        for port in facts.endpoint_ports(service, pod)
    ]


def _packed(
    shown: Mapping[_Address, Object], readiness: Mapping[_Port | None, Mapping[_Address, bool]]
) -> list[Object]:
    ports_of: dict[tuple[tuple[_Address, bool], ...], list[_Port]] = {}
    for port, found in readiness.items():
        together = ports_of.setdefault(tuple(sorted(found.items())), [])
        if port is not None:
            together.append(port)
    return [_subset(shown, addresses, sorted(ports)) for addresses, ports in sorted(ports_of.items())]


def _subset(
    shown: Mapping[_Address, Object], addresses: Iterable[tuple[_Address, bool]], ports: Sequence[_Port]
) -> Object:
    states = list(addresses)
    subset = {
        "addresses": [shown[name] for name, ready in states if ready],
        "notReadyAddresses": [shown[name] for name, ready in states if not ready],
        "ports": [_port(*port) for port in ports],
    }
    return {name: value for name, value in subset.items() if value}


def _port(name: str, number: int, protocol: str, application: str) -> Object:
    port = {"name": name, "port": number, "protocol": protocol, "appProtocol": application}
    return {field: value for field, value in port.items() if value}


def truncated(subsets: Sequence[Object]) -> tuple[list[Object], bool]:
    """At most MAX_ADDRESSES addresses, ready ones first; and whether any had to go."""
    total = sum(len(subset.get(name) or ()) for subset in subsets for name in ("addresses", "notReadyAddresses"))
    if total <= MAX_ADDRESSES:
        return list(subsets), False
    left, kept = MAX_ADDRESSES, [dict(subset) for subset in subsets]
    for name in ("addresses", "notReadyAddresses"):
        for subset in kept:
            shown = (subset.pop(name, None) or [])[:left]
            left -= len(shown)
            if shown:
                subset[name] = shown
    return [one for one in kept if one.get("addresses") or one.get("notReadyAddresses")], True


def endpoints_for(service: Object, old: Object | None, pods: Iterable[Object], trigger: str) -> Object:
    """The Endpoints of a Service; other annotations of the `old` ones stay."""
    subsets, over = truncated(subsets_of(service, pods))
    labels = {name: value for name, value in labels_of(service).items() if name != facts.HEADLESS_LABEL}
    labels[MANAGED_BY] = MANAGER
    if facts.is_headless(service):
        labels[facts.HEADLESS_LABEL] = ""
    kept = {n: v for n, v in annotations_of(old or service).items() if n not in (OVER_CAPACITY, facts.TRIGGER_TIME)}
    notes = (kept if old else {}) | ({facts.TRIGGER_TIME: trigger} if trigger else {})
    notes |= {OVER_CAPACITY: "truncated"} if over else {}
    meta = old["metadata"] if old else {k: service["metadata"][k] for k in ("name", "namespace")}
    meta = {**meta, "labels": labels, "annotations": notes}
    return {"apiVersion": ENDPOINTS.api_version, "kind": ENDPOINTS.name, "metadata": meta, "subsets": subsets}


def same_endpoints(old: Object, new: Object) -> bool:
    """Whether nothing but the trigger time differs."""
    parts = ((old.get("subsets"), new.get("subsets")), (labels_of(old), labels_of(new)))
    capacity = [annotations_of(one).get(OVER_CAPACITY) for one in (old, new)]
    return capacity[0] == capacity[1] and all(semantic_equal(a, b) for a, b in parts)


class EndpointsController(Controller):
    """Keeps Endpoints in step with Services and pods."""

    name = "endpoints-controller"
    component = "endpoint-controller"
    account = "endpoint-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = self.watch(SERVICE)
        facts.index_services(self.services)
        self.services.on_change(self._service_changed)
        self.removed: set[Key] = set()  # Services that went while we looked on
        self.endpoints = self.watch(ENDPOINTS)
        self.pods = self.informers.of(POD)
        facts.index_pods(self.pods)
        self.watch(POD, facts.services_of(self.services), matters=facts.endpoint_changed)
        self.triggers = TriggerTimes()

    def _service_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is None:
            self.removed.add(key_of(old))

    async def reconcile(self, key: Key) -> Action:
        service, old = self.services.get(key), self.endpoints.get(key)
        if service is None:
            self.triggers.forget(key)
            await self._drop(key, old)
        elif facts.has_endpoints(service):
            pods = facts.pods_of(service, self.pods)
            new = endpoints_for(service, old, pods, self.triggers.next(service, pods))
            await self._write(service, old, new)
        return WAIT

    async def _drop(self, key: Key, old: Object | None) -> None:
        """Endpoints go with their Service, whoever wrote them. Those that never had one are somebody's own."""
        ours = old is not None and labels_of(old).get(MANAGED_BY) == MANAGER
        if old is not None and (ours or key in self.removed):
            with suppress(NotFound):
                await self.client.delete(ENDPOINTS, key.name, key.namespace, uid=old["metadata"]["uid"])
        self.removed.discard(key)

    async def _write(self, service: Object, old: Object | None, new: Object) -> None:
        if old is not None and same_endpoints(old, new):
            return
        try:
            await (self.client.update(ENDPOINTS, new) if old else self.client.create(ENDPOINTS, new))
        except Conflict:
            raise
        except APIError as error:
            verb, what = ("update", "endpoint") if old else ("create", "endpoint for service")
            message = f"Failed to {verb} {what} {key_of(service)}: {error}"
            self.recorder.event(new, WARNING, f"FailedTo{verb.title()}Endpoint", message)
            raise


CONTROLLER = EndpointsController
