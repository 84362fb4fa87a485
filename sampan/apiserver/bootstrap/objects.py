"""Namespaces, priority classes and ConfigMaps of a new cluster, as data.

Names and values: k8s.io/kubernetes/pkg/controlplane (systemnamespaces, clusterauthenticationtrust),
pkg/registry/scheduling/rest.
"""

from collections.abc import Sequence
from datetime import date
from ipaddress import IPv4Network
from typing import Any

import orjson

from sampan.apiserver.authentication.request_header import FrontProxies
from sampan.kinds.core.service_account_token import TRACKING
from sampan.machinery.meta import Object

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def namespaces() -> list[Object]:
    """The system namespaces."""
    return [_object("v1", "Namespace", name) for name in NAMESPACES]


def priority_classes() -> list[Object]:
    """The two classes of the system's own pods."""
    return [
        _priority_class(
            "system-node-critical",
            2000001000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
        _priority_class(
            "system-cluster-critical",
            2000000000,
            "Used for system critical pods that must run in the cluster, "
            "but can be moved to another node if necessary.",
        ),
    ]


def _priority_class(name: str, value: int, description: str) -> Object:
    return _object("scheduling.k8s.io/v1", "PriorityClass", name) | {
        "value": value,
        "description": description,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def authentication_config(client_ca: str, front_proxies: FrontProxies) -> Object:
    """kube-system/extension-apiserver-authentication: by what CA clients are known, and which front proxies are
    trusted in what they say of the user. Other API servers take it from here."""
    data = {"client-ca-file": client_ca}
    if front_proxies.ca:
        data |= {
            "requestheader-client-ca-file": front_proxies.ca.decode(),
            "requestheader-allowed-names": _list(front_proxies.names),
            "requestheader-username-headers": _list(("X-Remote-User",)),
            "requestheader-uid-headers": _list(("X-Remote-Uid",)),
            "requestheader-group-headers": _list(("X-Remote-Group",)),
            "requestheader-extra-headers-prefix": _list(("X-Remote-Extra-",)),
        }
    return _object("v1", "ConfigMap", "extension-apiserver-authentication", "kube-system") | {"data": data}


def legacy_token_tracking(since: date) -> Object:
    """kube-system/kube-apiserver-legacy-service-account-token-tracking: since when uses of such tokens are noted."""
    return _object("v1", "ConfigMap", TRACKING, "kube-system") | {"data": {"since": since.isoformat()}}


def _list(values: Sequence[str]) -> str:
    return orjson.dumps(list(values)).decode()


def kubernetes_service(service_range: IPv4Network, port: int) -> Object:
    """default/kubernetes: the API server as a Service, on the first address of the range."""
    address = str(service_range[1])
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"provider": "kubernetes", "component": "apiserver"},
        },
        "spec": {
            "clusterIP": address,
            "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": port}],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
    }


def kubernetes_endpoints(address: str, port: int) -> Object:
    """default/kubernetes: where the Service leads."""
    endpoints = _object("v1", "Endpoints", "kubernetes", "default")
    endpoints["metadata"]["labels"] = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    ports = [{"name": "https", "port": port, "protocol": "TCP"}]
    return endpoints | {"subsets": [{"addresses": [{"ip": address}], "ports": ports}]}


def kubernetes_endpoint_slice(address: str, port: int) -> Object:
    """The same as an EndpointSlice."""
    endpoint_slice = _object("discovery.k8s.io/v1", "EndpointSlice", "kubernetes", "default")
    endpoint_slice["metadata"]["labels"] = {"kubernetes.io/service-name": "kubernetes"}
    return endpoint_slice | {
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }


def _object(api_version: str, kind: str, name: str, namespace: str = "") -> Object:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
