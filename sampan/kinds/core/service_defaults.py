"""Defaults of a Service that depend on its type. Not here: addresses, families and node ports, which are allocated."""

from sampan.kinds.core.service_types import CLUSTER_IP, LOAD_BALANCER, is_externally_accessible, needs_cluster_ip
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path

AFFINITY_SECONDS = 10800  # how long a client stays with its endpoint

SERVICE_DEFAULTS = {
    "io.k8s.api.core.v1.ServiceSpec": {"type": CLUSTER_IP, "sessionAffinity": "None"},
    "io.k8s.api.core.v1.ServicePort": {"protocol": "TCP"},
}


def default_service(service: Object) -> None:
    """SetDefaults_Service."""
    spec = service.setdefault("spec", {"type": CLUSTER_IP, "sessionAffinity": "None"})
    _default_affinity(spec)
    for port in spec.get("ports") or ():
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if is_externally_accessible(spec):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if needs_cluster_ip(spec):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == LOAD_BALANCER:
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        for ingress in get_path(service, ("status", "loadBalancer", "ingress"), []):
            if ingress.get("ip"):
                ingress.setdefault("ipMode", "VIP")


def _default_affinity(spec: Object) -> None:
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        timeout = get_path(spec, ("sessionAffinityConfig", "clientIP", "timeoutSeconds"), AFFINITY_SECONDS)
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": timeout}}
