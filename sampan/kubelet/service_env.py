"""The environment variables by which a container finds Services: KUBIA_SERVICE_HOST, KUBIA_PORT_80_TCP_ADDR ... Pure.

Docs: "Service", section Environment variables (the second form is Docker's links of old). Called by pod_env.py.
"""

from collections.abc import Iterable, Iterator

from sampan.machinery.meta import Object

MASTER = ("default", "kubernetes")  # always told, so that clients find the API


def visible(services: Iterable[Object], namespace: str, links: bool) -> list[Object]:
    """The Services that a pod's containers are told of: with an address, of its namespace if it wants links."""
    return [service for service in services if _has_address(service) and _concerns(service, namespace, links)]


def variables(services: Iterable[Object]) -> dict[str, str]:
    """All variables of some Services."""
    found: dict[str, str] = {}
    for service in services:
        found |= dict(_of_service(service))
    return found


def _has_address(service: Object) -> bool:
    return service["spec"].get("clusterIP") not in (None, "", "None")


def _concerns(service: Object, namespace: str, links: bool) -> bool:
    place = (service["metadata"]["namespace"], service["metadata"]["name"])
    return place == MASTER or (links and place[0] == namespace)


def _of_service(service: Object) -> Iterator[tuple[str, str]]:
    prefix = _name(service["metadata"]["name"])
    host, ports = service["spec"]["clusterIP"], service["spec"].get("ports") or ()
    shown = f"[{host}]" if ":" in host else host
    yield f"{prefix}_SERVICE_HOST", host
    for index, port in enumerate(ports):
        protocol = port.get("protocol") or "TCP"
        number, url = str(port["port"]), f"{protocol.lower()}://{shown}:{port['port']}"
        if index == 0:
            yield f"{prefix}_SERVICE_PORT", number
            yield f"{prefix}_PORT", url
        if port.get("name"):
            yield f"{prefix}_SERVICE_PORT_{_name(port['name'])}", number
        link = f"{prefix}_PORT_{number}_{protocol}"
        yield link, url
        yield f"{link}_PROTO", protocol.lower()
        yield f"{link}_PORT", number
        yield f"{link}_ADDR", host


def _name(text: str) -> str:
    return text.upper().replace("-", "_")
