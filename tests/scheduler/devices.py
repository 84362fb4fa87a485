"""Slices, classes and claims in one line, for tests of devices."""

from typing import Any

from sampan.machinery.meta import Object

DRIVER = "gpu.example.com"


def meta(name: str, **more: Any) -> Object:
    return {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", **more}


def device(name: str, taints: Any = (), consumes: Any = (), **attributes: Any) -> Object:
    types = {str: "string", bool: "bool", int: "int"}
    values = {key: {types[type(value)]: value} for key, value in attributes.items()}
    return {"name": name, "attributes": values, "taints": list(taints), "consumesCounters": list(consumes)}


def slice_of(*devices: Object, name: str = "", node: str = "here", pool: str = "", **spec: Any) -> Object:
    """`spec`: of the pool generation, count; anything else as it is. Without a node: say for whom it is."""
    name = name or f"{node}-{DRIVER}"
    in_pool = {"name": pool or node, "generation": spec.pop("generation", 1)}
    in_pool["resourceSliceCount"] = spec.pop("count", 1)
    place = {"nodeName": node} if node else {}
    found = {"driver": spec.pop("driver", DRIVER), "pool": in_pool, "devices": list(devices), **place, **spec}
    return {"kind": "ResourceSlice", "metadata": meta(name), "spec": found}


def device_class(name: str = "gpu", *expressions: str, config: Any = ()) -> Object:
    spec = {"selectors": selectors(*expressions), "config": list(config)}
    return {"kind": "DeviceClass", "metadata": meta(name), "spec": spec}


def selectors(*expressions: str) -> list[Object]:
    return [{"cel": {"expression": expression}} for expression in expressions]


def exactly(count: int = 1, *expressions: str, **more: Any) -> Object:
    how = {"allocationMode": "ExactCount", "count": count} if count else {"allocationMode": "All"}
    return {"deviceClassName": "gpu", "selectors": selectors(*expressions), **how, **more}


def request(name: str = "r", count: int = 1, *expressions: str, **more: Any) -> Object:
    """`count` 0 is all of them."""
    return {"name": name, "exactly": exactly(count, *expressions, **more)}


def claim(name: str, *requests: Object, allocation: Object | None = None, reserved: Any = (), **devices: Any) -> Object:
    status = {"allocation": allocation, "reservedFor": list(reserved)} if allocation else {}
    spec = {"devices": {"requests": list(requests or (request(),)), **devices}}
    return {"kind": "ResourceClaim", "metadata": meta(name, namespace="default"), "spec": spec, "status": status}
