"""What is wrong with a Service, on create and on update. Texts and paths: ValidateService, ValidateServiceUpdate.

The allocator has run before: node ports and addresses are there, in range and free.
"""

from ipaddress import ip_network

from sampan.kinds.addresses import endpoint_ip
from sampan.kinds.checks import SPEC, Errors, unique
from sampan.kinds.core.service_addresses import (
    CLUSTER_IPS,
    validate_cluster_ips,
    validate_kept_addresses,
    validate_kept_families,
)
from sampan.kinds.core.service_types import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    HEADLESS,
    LOAD_BALANCER,
    NODE_PORT,
    is_externally_accessible,
    is_headless,
    needs_cluster_ip,
    needs_health_check_port,
)
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Format, Required
from sampan.machinery.tree import get_path
from sampan.machinery.validation import (
    Path,
    check,
    dns_label,
    dns_subdomain,
    duplicate,
    forbidden,
    invalid,
    one_of,
    port,
    port_name,
    qualified_name,
    required,
    validate_labels,
)

KUBELET_PORT = 10250
MAX_AFFINITY_SECONDS = 86400
_PORTS = SPEC.child("ports")
_FOR_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"

RULES: FieldRules = {
    "io.k8s.api.core.v1.ServiceSpec": {
        "type": (Required(), Enum()),
        "sessionAffinity": (Required(), Enum()),
        "internalTrafficPolicy": Enum(),
        "trafficDistribution": Enum(("PreferClose", "PreferSameNode", "PreferSameZone")),
    },
    "io.k8s.api.core.v1.ServicePort": {
        "name": Format(dns_label),
        "protocol": (Required(), Enum()),
        "appProtocol": Format(qualified_name),
    },
}


def validate(service: Object) -> Errors:
    """Everything that holds on create and after an update."""
    spec = service["spec"]
    yield from _by_type(spec)
    for index, item in enumerate(spec.get("ports") or ()):
        yield from _port(item, _PORTS.index(index), named=len(spec["ports"]) > 1)
    yield from _unique_ports(spec)
    yield from validate_labels(spec.get("selector"), SPEC.child("selector"))
    yield from _affinity(spec)
    if spec.get("type") != EXTERNAL_NAME:
        yield from validate_cluster_ips(spec)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        yield from endpoint_ip(SPEC.child("externalIPs").index(index), address)
    yield from _load_balancer(spec)
    yield from _traffic(spec)


def _by_type(spec: Object) -> Errors:
    type_, ports = spec.get("type"), spec.get("ports") or []
    if not ports and not is_headless(spec) and type_ != EXTERNAL_NAME:
        yield required(_PORTS)
    if type_ in (LOAD_BALANCER, NODE_PORT) and is_headless(spec):
        yield invalid(CLUSTER_IPS.index(0), HEADLESS, f"may not be set to 'None' for {type_} services")
    if type_ == LOAD_BALANCER:
        for index, item in enumerate(ports):
            if item.get("port") == KUBELET_PORT:
                detail = f"may not expose port {KUBELET_PORT} externally since it is used by kubelet"
                yield invalid(_PORTS.index(index), KUBELET_PORT, detail)
    elif type_ == EXTERNAL_NAME:
        yield from _external_name(spec)
    elif type_ == CLUSTER_IP:
        for index, item in enumerate(ports):
            if item.get("nodePort"):
                yield forbidden(_PORTS.index(index).child("nodePort"), "may not be used when `type` is 'ClusterIP'")


def _external_name(spec: Object) -> Errors:
    for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(field):
            yield forbidden(SPEC.child(field), "may not be set for ExternalName services")
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        yield required(SPEC.child("externalName"))
    else:
        yield from check(SPEC.child("externalName"), name, dns_subdomain(name))


def _port(item: Object, path: Path, *, named: bool) -> Errors:
    target = item.get("targetPort", 0)
    if named and not item.get("name"):
        yield required(path.child("name"))
    yield from port(path.child("port"), item.get("port") or 0)
    if isinstance(target, int):
        yield from port(path.child("targetPort"), target)
    else:
        yield from check(path.child("targetPort"), target, port_name(target))


def _unique_ports(spec: Object) -> Errors:
    ports = spec.get("ports") or []
    yield from unique([item.get("name") for item in ports], lambda index: _PORTS.index(index).child("name"))
    node_ports, numbers = set(), set()
    for index, item in enumerate(ports):
        node_port, number = (item.get("protocol"), item.get("nodePort")), (item.get("protocol"), item.get("port"))
        if node_port[1] and node_port in node_ports:
            yield duplicate(_PORTS.index(index).child("nodePort"), node_port[1])
        if number in numbers:
            yield duplicate(_PORTS.index(index), _as_shown(item))
        node_ports.add(node_port)
        numbers.add(number)


def _as_shown(item: Object) -> Object:
    """A port as upstream prints the key by which it found a duplicate."""
    key = {"Name": "", "Protocol": item.get("protocol"), "AppProtocol": None, "Port": item.get("port")}
    return {**key, "TargetPort": 0, "NodePort": 0}


def _affinity(spec: Object) -> Errors:
    path = SPEC.child("sessionAffinityConfig")
    if spec.get("sessionAffinity") == "ClientIP":
        seconds = get_path(spec, ("sessionAffinityConfig", "clientIP", "timeoutSeconds"), 0)
        if not 0 < seconds <= MAX_AFFINITY_SECONDS:
            detail = f"must be greater than 0 and less than {MAX_AFFINITY_SECONDS}"
            yield invalid(path.child("clientIP", "timeoutSeconds"), seconds, detail)
    elif spec.get("sessionAffinity") == "None" and spec.get("sessionAffinityConfig") is not None:
        yield forbidden(path, "must not be set when session affinity is None")


def _load_balancer(spec: Object) -> Errors:
    is_one, class_ = spec.get("type") == LOAD_BALANCER, spec.get("loadBalancerClass")
    ranges, path = spec.get("loadBalancerSourceRanges") or [], SPEC.child("LoadBalancerSourceRanges")
    if ranges and not is_one:
        yield forbidden(path, _FOR_LOAD_BALANCER)
    for index, cidr in enumerate(ranges):
        if "/" not in cidr or not _is_network(cidr.strip()):
            yield invalid(path.index(index), cidr, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
    if spec.get("allocateLoadBalancerNodePorts") is not None and not is_one:
        yield forbidden(SPEC.child("allocateLoadBalancerNodePorts"), _FOR_LOAD_BALANCER)
    if class_ is not None and not is_one:
        yield forbidden(SPEC.child("loadBalancerClass"), _FOR_LOAD_BALANCER)
    elif class_ is not None:
        yield from check(SPEC.child("loadBalancerClass"), class_, qualified_name(class_))


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _traffic(spec: Object) -> Errors:
    external, path = spec.get("externalTrafficPolicy"), SPEC.child("externalTrafficPolicy")
    if is_externally_accessible(spec):
        yield from one_of(path, external, ("Cluster", "Local"))
    elif external:
        yield invalid(path, external, "may only be set for externally-accessible services")
    if number := spec.get("healthCheckNodePort"):
        if needs_health_check_port(spec):
            yield from port(SPEC.child("healthCheckNodePort"), number)
        else:
            detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            yield invalid(SPEC.child("healthCheckNodePort"), number, detail)
    internal = spec.get("internalTrafficPolicy")
    if needs_cluster_ip(spec) and not internal:
        yield required(SPEC.child("internalTrafficPolicy"))


def validate_update(new: Object, old: Object) -> Errors:
    """Addresses stay for life, except from and to ExternalName; so do their families and the load balancer's class."""
    after, before = new["spec"], old["spec"]
    if EXTERNAL_NAME not in (after.get("type"), before.get("type")):
        if not (is_headless(after) and is_headless(before)):
            yield from validate_kept_addresses(after, before)
        yield from validate_kept_families(after, before)
    if after.get("type") == before.get("type") == LOAD_BALANCER:
        class_ = after.get("loadBalancerClass")
        if class_ != before.get("loadBalancerClass"):
            yield invalid(SPEC.child("loadBalancerClass"), class_, "may not change once set")
