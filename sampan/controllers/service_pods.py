"""From a Service and its pods to addresses and ports: what Endpoints and EndpointSlices have in common. Pure.

Rules: docs, Service, "Port definitions" and "Headless Services"; DNS for Services and Pods, "Pod's hostname and
subdomain fields".
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sampan.client.informer import Informer
from sampan.controllers.pods import is_finished, is_ready
from sampan.machinery.meta import Key, Object, is_deleting, key_of, labels_of
from sampan.reconcile.controller import KeysOf

_BY_LABEL = "label"
HEADLESS_LABEL = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


def index_services(services: Informer) -> None:
    """File Services under one of the labels that they select by: those that select a pod are found by its labels."""
    services.add_index(_BY_LABEL, lambda service: _filed(service, sorted(_selector_of(service).items())[:1]))


def index_pods(pods: Informer) -> None:
    """File the pods that have an address under each of their labels."""
    pods.add_index(_BY_LABEL, lambda pod: _filed(pod, labels_of(pod).items()) if _has_address(pod) else ())


def _filed(obj: Object, labels: Iterable[tuple[str, str]]) -> list[str]:
    namespace = obj["metadata"]["namespace"]
    return [f"{namespace}/{name}={value}" for name, value in labels]


def _selector_of(service: Object) -> dict[str, str]:
    return service["spec"].get("selector") or {}


def _has_address(pod: Object) -> bool:
    status = pod.get("status") or {}
    return bool(status.get("podIP") or status.get("podIPs"))


def services_of(services: Informer) -> KeysOf:
    """Maps a pod that has an address to the Services that select it; `services` needs index_services."""

    def keys(pod: Object) -> Iterable[Key]:
        if not _has_address(pod):
            return
        labels = labels_of(pod)
        for place in _filed(pod, labels.items()):
            for service in services.by(_BY_LABEL, place):
                if _selector_of(service).items() <= labels.items():
                    yield key_of(service)

    return keys


def endpoint_changed(old: Object, new: Object) -> bool:
    """Whether an update of a pod can change any endpoint."""
    return _endpoint_facts(old) != _endpoint_facts(new)


def _endpoint_facts(pod: Object) -> tuple[Any, ...]:
    spec, status = pod["spec"], pod.get("status") or {}
    return (
        is_ready(pod),
        is_deleting(pod),
        is_finished(pod),
        status.get("podIPs") or status.get("podIP"),
        spec.get("nodeName"),
        spec.get("hostname"),
        spec.get("subdomain"),
        labels_of(pod),
    )


def pods_of(service: Object, pods: Informer) -> list[Object]:
    """The pods with an address that a Service selects; `pods` needs index_pods."""
    wanted = _selector_of(service).items()
    place, *_ = _filed(service, sorted(wanted))
    return [pod for pod in pods.by(_BY_LABEL, place) if wanted <= labels_of(pod).items()]


def has_endpoints(service: Object) -> bool:
    """Whether we make this Service's endpoints: not those without a selector, and not aliases."""
    return service["spec"].get("type") != "ExternalName" and bool(service["spec"].get("selector"))


def is_headless(service: Object) -> bool:
    """Whether clients get the addresses of pods instead of a cluster IP."""
    return bool(service["spec"].get("clusterIP") == "None")


def families(service: Object) -> Sequence[str]:
    """The Service's IP families, "IPv4" where it names none."""
    return service["spec"].get("ipFamilies") or ("IPv4",)


def addresses(pod: Object, family: str) -> list[str]:
    """The pod's addresses of a family."""
    status = pod.get("status") or {}
    found = [item["ip"] for item in status.get("podIPs") or () if item.get("ip")]
    if not found and status.get("podIP"):
        found = [status["podIP"]]
    return [ip for ip in found if (":" in ip) == (family == "IPv6")]


def belongs(pod: Object, *, terminating: bool) -> bool:
    """Whether the pod is an endpoint at all; `terminating` lets those in that are being deleted."""
    status = pod.get("status") or {}
    if is_finished(pod) or not (status.get("podIP") or status.get("podIPs")):
        return False
    return terminating or not is_deleting(pod)


def published_hostname(service: Object, pod: Object) -> str:
    """The hostname that DNS is to know the pod by: only where its subdomain is this Service."""
    spec = pod["spec"]
    return str(spec.get("hostname") or "") if spec.get("subdomain") == service["metadata"]["name"] else ""


def target_of(pod: Object) -> Object:
    """The reference to the pod behind an address."""
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def endpoint_ports(service: Object, pod: Object) -> list[Object]:
    """The Service's ports as the pod has them; a named port that the pod has not is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = _number(pod, port)
        if number is not None:
            found.append(_endpoint_port(port, number))
    return found


def _endpoint_port(port: Object, number: int) -> Object:
    named = {"name": port["name"]} if port.get("name") else {}
    protocol = {"port": number, "protocol": port.get("protocol", "TCP")}
    return named | protocol | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {})


def _number(pod: Object, port: Object) -> int | None:
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    for container in _serving_containers(pod):
        for offered in container.get("ports") or ():
            same_protocol = offered.get("protocol", "TCP") == port.get("protocol", "TCP")
            if offered.get("name") == target and same_protocol:
                return int(offered["containerPort"])
    return None


def _serving_containers(pod: Object) -> list[Object]:
    """Containers, and init containers that stay (sidecars)."""
    sidecars = [one for one in pod["spec"].get("initContainers") or () if one.get("restartPolicy") == "Always"]
    return [*(pod["spec"].get("containers") or ()), *sidecars]
