"""Nodes and pods in one line, for the scheduler's tests."""

from typing import Any

from sampan.machinery.meta import Object
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.state import ClusterState

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def node(name: str, *, cpu: str = "4", memory: str = "8Gi", pods: str = "110", zone: str = "", **more: Any) -> Object:
    """`more`: taints, unschedulable, labels, images."""
    labels = {HOSTNAME: name, **({ZONE: zone} if zone else {}), **more.get("labels", {})}
    spec = {field: more[field] for field in ("taints", "unschedulable") if field in more}
    status = {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}, "images": more.get("images", [])}
    meta = {"name": name, "uid": name, "labels": labels, "resourceVersion": "1"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec, "status": status}


def pod(name: str, *, cpu: str = "", memory: str = "", namespace: str = "default", **more: Any) -> Object:
    """`more`: labels, node (assigned), ports, image, status, owner; anything else goes into the spec."""
    requests = {field: amount for field, amount in (("cpu", cpu), ("memory", memory)) if amount}
    container: Object = {"name": "main", "image": more.pop("image", "app"), "resources": {"requests": requests}}
    container["ports"] = more.pop("ports", [])
    meta: Object = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": "1"}
    meta["labels"] = more.pop("labels", {})
    if "owner" in more:
        meta["ownerReferences"] = [more.pop("owner")]
    status = more.pop("status", {"phase": "Pending"})
    spec: Object = {"schedulerName": "default-scheduler", "containers": [container]}
    if "node" in more:
        spec["nodeName"] = more.pop("node")
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {**spec, **more}, "status": status}


def info(name: str = "new", **more: Any) -> PodInfo:
    """A pod as the scheduler sees it."""
    return PodInfo(pod(name, **more))


def cluster(*objects: Object) -> ClusterState:
    """A state of some nodes and assigned pods."""
    state = ClusterState()
    for obj in objects:
        if obj["kind"] == "Node":
            state.put_node(obj)
        else:
            assigned = PodInfo(obj)
            state.put_pod(assigned, assigned.node_name)
    return state
