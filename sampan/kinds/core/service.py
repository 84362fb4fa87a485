"""Service: a stable name and address in front of pods. The API server allocates its addresses and node ports."""

from datetime import datetime

from sampan.kinds.columns import AGE, NAME, NONE, UNKNOWN, labels_text, text
from sampan.kinds.core.service_defaults import SERVICE_DEFAULTS, default_service
from sampan.kinds.core.service_prepare import prepare_create, prepare_update
from sampan.kinds.core.service_validation import RULES, validate, validate_update
from sampan.kinds.core.service_warnings import service_warnings
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path


def _cluster_ip(service: Object, now: datetime) -> str:
    ips = service["spec"].get("clusterIPs")
    return ips[0] if ips else NONE


def _external_ip(service: Object, now: datetime) -> str:
    spec, type_ = service["spec"], service["spec"].get("type")
    external = spec.get("externalIPs") or []
    if type_ in ("ClusterIP", "NodePort"):
        return ",".join(external) or NONE
    if type_ == "LoadBalancer":
        ingress = get_path(service, ("status", "loadBalancer", "ingress"), [])
        given = sorted({item.get("ip") or item.get("hostname") or "" for item in ingress})
        return ",".join([*filter(None, given), *external]) or "<pending>"
    return spec.get("externalName", "") if type_ == "ExternalName" else UNKNOWN


def _port(port: Object) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}"


def _ports(service: Object, now: datetime) -> str:
    return ",".join(map(_port, service["spec"].get("ports") or ())) or NONE


KIND = Kind(
    name="Service",
    plural="services",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Service", default=default_service),),
    short_names=("svc",),
    categories=("all",),
    columns=(
        NAME,
        Column("Type", text("spec", "type"), description="How the service can be reached."),
        Column("Cluster-IP", _cluster_ip, description="Address within the cluster."),
        Column("External-IP", _external_ip, description="Address for the outside."),
        Column("Port(s)", _ports, description="Ports, node ports, protocols."),
        AGE,
        Column(
            "Selector",
            lambda service, now: labels_text(service["spec"].get("selector")),
            priority=1,
            description="Labels of the pods behind it.",
        ),
    ),
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    rules=RULES,
    validate=validate,
    validate_update=validate_update,
    warnings=service_warnings,
    name_rule="dns-1035-label",
    selectable_fields={
        "spec.clusterIP": lambda service: service["spec"].get("clusterIP") or "",
        "spec.type": lambda service: service["spec"].get("type") or "",
    },
    has_generation=False,
    allow_create_on_update=True,
    allocator="services",
    returns_deleted=True,
    defaults=SERVICE_DEFAULTS,
)
