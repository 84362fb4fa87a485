"""What a Service needs by its type, filled into it: cluster IPs, node ports, the port for health checks. Pure.

Rules and messages: k8s.io/kubernetes/pkg/registry/core/service/storage (alloc.go). As there, the first thing that
cannot be had is the error; validation, which runs afterwards, says what else is wrong.
"""

from ipaddress import ip_address

from sampan.apiserver.allocators.choice import Choice, NotAvailable
from sampan.apiserver.allocators.service_families import settle_families
from sampan.kinds.core.service_addresses import validate_cluster_ips
from sampan.kinds.core.service_types import (
    HEADLESS,
    may_have_node_ports,
    needs_cluster_ip,
    needs_health_check_port,
    needs_node_ports,
)
from sampan.machinery.errors import FIELD_INVALID, FieldError, InternalError, Invalid
from sampan.machinery.meta import Object


def fill_in(new: Object, old: Object | None, choice: Choice) -> None:
    """Complete the spec, in place. Raises Invalid, InternalError."""
    spec, before = new["spec"], old["spec"] if old else None
    if spec == before or any(validate_cluster_ips(spec)):
        return  # nothing is asked for, or nothing that makes sense, as validation will say
    if wrong := settle_families(spec, before):
        raise Invalid.of("Service", "", new["metadata"].get("name") or "", wrong)
    if needs_cluster_ip(spec) and spec.get("clusterIP") != HEADLESS:
        _fill_address(new, choice)
    if may_have_node_ports(spec):
        _fill_ports(new, choice, shared=old is None)
        if needs_health_check_port(spec):
            _fill_health_check_port(spec, choice)


def _fill_address(new: Object, choice: Choice) -> None:
    spec = new["spec"]
    if wanted := spec.get("clusterIP"):
        try:
            choice.address(ip_address(wanted))
        except NotAvailable as error:
            raise _invalid(new, "spec.clusterIPs", [wanted], f"failed to allocate IP {wanted}: {error}") from error
    else:
        spec["clusterIP"] = _any_address(new, choice)
    spec["clusterIPs"] = [spec["clusterIP"]]


def _any_address(new: Object, choice: Choice) -> str:
    try:
        return str(choice.any_address(4))
    except NotAvailable as error:
        name = new["metadata"].get("name") or ""
        raise InternalError(f'failed to allocate a serviceIP for Service "{name}": {error}') from error


def _fill_ports(new: Object, choice: Choice, *, shared: bool) -> None:
    """`shared`: a port in two protocols has one node port, which a client may say once."""
    spec = new["spec"]
    ports = spec.get("ports") or []
    known: dict[int, int] = {}
    chosen: set[int] = set()
    for index, port in enumerate(ports):
        number = port.get("port", 0)
        wanted = port.get("nodePort") or (shared and (known.get(number) or _said_later(ports, number))) or 0
        if not wanted and not needs_node_ports(spec):
            continue
        if not (wanted and wanted == known.get(number)) and (shared or wanted not in chosen):
            wanted = _port(new, f"spec.ports[{index}].nodePort", wanted, choice)
        port["nodePort"] = wanted
        known.setdefault(number, wanted)
        chosen.add(wanted)


def _said_later(ports: list[Object], number: int) -> int:
    return next((port["nodePort"] for port in ports if port.get("port") == number and port.get("nodePort")), 0)


def _port(new: Object, field: str, wanted: int, choice: Choice) -> int:
    if not wanted:
        return _any_port(choice, "failed to allocate a nodePort: ")
    try:
        choice.port(wanted)
    except NotAvailable as error:
        raise _invalid(new, field, wanted, str(error)) from error
    return wanted


def _fill_health_check_port(spec: Object, choice: Choice) -> None:
    wanted = spec.get("healthCheckNodePort") or 0
    if not wanted:
        spec["healthCheckNodePort"] = _any_port(choice, "failed to allocate a HealthCheck NodePort 0: ")
        return
    try:
        choice.port(wanted)
    except NotAvailable as error:
        raise InternalError(f"failed to allocate requested HealthCheck NodePort {wanted}: {error}") from error


def _any_port(choice: Choice, what: str) -> int:
    try:
        return choice.any_port()
    except NotAvailable as error:
        raise InternalError(f"{what}{error}") from error


def _invalid(new: Object, field: str, value: object, detail: str) -> Invalid:
    return Invalid.of(
        "Service", "", new["metadata"].get("name") or "", [FieldError(FIELD_INVALID, field, detail, value)]
    )
