"""The objects by which the cluster knows its DNS server: Service kube-system/kube-dns and what stands behind it.

As kubeadm makes them for CoreDNS, but for the selector: the endpoint is this server, not a pod. Called by cluster/,
which creates them.
"""

from sampan.machinery.meta import Object

ACCOUNT = "coredns"  # the ServiceAccount that the server acts as
_NAME, _NAMESPACE = "kube-dns", "kube-system"
_LABELS = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
_PORTS = (("dns", "UDP"), ("dns-tcp", "TCP"))
_PORT = 53


def dns_objects(dns_ip: str, endpoint: str, port: int, node_name: str) -> list[Object]:
    """The Service on `dns_ip`, its EndpointSlice and Endpoints with the server's address and port, and its account."""
    return [*_rights(), _service(dns_ip), _slice(endpoint, port, node_name), _endpoints(endpoint, port, node_name)]


def _rights() -> list[Object]:
    group, name, verbs = "rbac.authorization.k8s.io", "system:coredns", ["list", "watch"]
    places = {"": ["endpoints", "services", "pods", "namespaces"], "discovery.k8s.io": ["endpointslices"]}
    rules = [{"apiGroups": [place], "resources": resources, "verbs": verbs} for place, resources in places.items()]
    account = {"name": ACCOUNT, "namespace": _NAMESPACE}
    meta = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {**meta, "kind": "ClusterRole", "rules": rules},
        {
            **meta,
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
    ]


def _service(dns_ip: str) -> Object:
    ports = [{"name": name, "protocol": protocol, "port": _PORT, "targetPort": _PORT} for name, protocol in _PORTS]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _NAME, "namespace": _NAMESPACE, "labels": dict(_LABELS)},
        "spec": {"type": "ClusterIP", "clusterIP": dns_ip, "clusterIPs": [dns_ip], "ports": ports},
    }


def _slice(endpoint: str, port: int, node_name: str) -> Object:
    labels = _LABELS | {"kubernetes.io/service-name": _NAME, "endpointslice.kubernetes.io/managed-by": "sampan"}
    conditions = {"ready": True, "serving": True, "terminating": False}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": _NAME, "namespace": _NAMESPACE, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [endpoint], "conditions": conditions, "nodeName": node_name}],
        "ports": [{"name": name, "protocol": protocol, "port": port} for name, protocol in _PORTS],
    }


def _endpoints(endpoint: str, port: int, node_name: str) -> Object:
    labels = _LABELS | {"endpointslice.kubernetes.io/skip-mirror": "true"}
    ports = [{"name": name, "protocol": protocol, "port": port} for name, protocol in _PORTS]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": _NAME, "namespace": _NAMESPACE, "labels": labels},
        "subsets": [{"addresses": [{"ip": endpoint, "nodeName": node_name}], "ports": ports}],
    }
