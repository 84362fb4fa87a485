"""The objects that the DNS tests ask about."""

from typing import Any

from sampan.machinery.meta import Object

DOMAIN = "cluster.local"


def namespace(name: str) -> Object:
    return {"metadata": {"name": name, "uid": name}}


def service(name: str, ip: str = "10.96.0.5", *, namespace: str = "default", **spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": name},
        "spec": {"type": "ClusterIP", "clusterIP": ip, "ports": ports} | spec,
    }


def endpoint(*addresses: str, ready: bool | None = True, hostname: str = "") -> Object:
    made: Object = {"addresses": list(addresses), "conditions": {} if ready is None else {"ready": ready}}
    return made | ({"hostname": hostname} if hostname else {})


def endpoint_slice(owner: str, *endpoints: Object, name: str = "", ports: list[Object] | None = None) -> Object:
    return {
        "metadata": {
            "name": name or owner,
            "namespace": "default",
            "uid": name or owner,
            "labels": {"kubernetes.io/service-name": owner},
        },
        "addressType": "IPv4",
        "endpoints": list(endpoints),
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}] if ports is None else ports,
    }
