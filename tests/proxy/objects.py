"""Services, EndpointSlices and pods as the API gives them, in one line each."""

from typing import Any

from sampan.machinery.meta import Object
from sampan.proxy.config import ProxyConfig

CONFIG = ProxyConfig(
    table="sampan-test",
    node_name="node-1",
    node_ips=("192.0.2.1",),
    pod_cidr="10.244.0.0/16",
    service_cidr="10.96.0.0/12",
    lb_pool="10.240.0.0/24",
)


def port(number: int = 80, *, name: str = "", protocol: str = "TCP", node_port: int = 0) -> Object:
    made: Object = {"port": number, "protocol": protocol}
    return made | ({"name": name} if name else {}) | ({"nodePort": node_port} if node_port else {})


def service(name: str, ip: str = "10.96.0.1", *ports: Object, balancer: str = "", **spec: Any) -> Object:
    made: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1"},
        "spec": {"type": "ClusterIP", "clusterIP": ip, "ports": list(ports) or [port()]} | spec,
        "status": {"loadBalancer": {}},
    }
    if balancer:
        made["spec"]["type"] = "LoadBalancer"
        made["status"]["loadBalancer"] = {"ingress": [{"ip": balancer}]}
    return made


def endpoint(address: str, node: str = "node-1", **extra: Any) -> Object:
    return {"addresses": [address], "nodeName": node, "conditions": {"ready": True}} | extra


def endpoint_slice(owner: str, *endpoints: Object, ports: list[Object] | None = None, name: str = "") -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name or f"{owner}-1",
            "namespace": "ns",
            "uid": name or f"{owner}-1",
            "resourceVersion": "1",
            "labels": {"kubernetes.io/service-name": owner},
        },
        "addressType": "IPv4",
        "endpoints": list(endpoints),
        "ports": ports or [{"name": "", "protocol": "TCP", "port": 8080}],
    }


def pod(name: str, ip: str, *ports: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "c", "ports": list(ports)}]} | spec,
        "status": {"phase": "Running", "podIP": ip},
    }
