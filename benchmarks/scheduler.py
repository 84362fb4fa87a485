"""The scheduler's decisions alone: pods per second at 1,000 and at 5,000 nodes, nothing read or written.

Every pod is decided and assumed in turn, as app.py does. Budgets: 1,000 pods/s at 1,000 nodes, 680 pods/s at 5,000
(upstream's scheduler_perf threshold). Prints one JSON line per case.
"""

import json
import time
from collections.abc import Callable
from random import Random

from sampan.machinery.meta import Object
from sampan.machinery.selectors import Selector, from_labels
from sampan.scheduler.decision import Decider, Unschedulable
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.profile import default_profile
from sampan.scheduler.state import ClusterState

ZONES = 3


def node(number: int) -> Object:
    """A node with room for many pods."""
    return {
        "metadata": {
            "name": f"node-{number}",
            "labels": {
                "kubernetes.io/hostname": f"node-{number}",
                "topology.kubernetes.io/zone": f"zone-{number % ZONES}",
            },
        },
        "spec": {},
        "status": {"allocatable": {"cpu": "32", "memory": "128Gi", "pods": "110"}},
    }


def pod(number: int) -> Object:
    """A pod of one of ten workloads."""
    container = {"name": "main", "image": "app", "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}}}
    return {
        "metadata": {"name": f"pod-{number}", "namespace": "default", "labels": {"app": f"app-{number % 10}"}},
        "spec": {"containers": [container]},
    }


def spread(constrained: Object) -> Object:
    """The same, to be spread over zones and hosts."""
    selector = {"matchLabels": constrained["metadata"]["labels"]}
    constrained["spec"]["topologySpreadConstraints"] = [
        {"topologyKey": key, "maxSkew": 5, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return constrained


def owner(info: PodInfo) -> Selector:
    """As if each workload had a Service."""
    return from_labels(info.labels)


def measure(
    case: str,
    nodes: int,
    pods: int,
    owner_selector: Callable[[PodInfo], Selector | None],
    prepare: Callable[[Object], Object] = lambda obj: obj,
) -> None:
    """Schedule pods onto an empty cluster."""
    state = ClusterState()
    for number in range(nodes):
        state.put_node(node(number))
    decider = Decider(state, default_profile(owner_selector, lambda name: {}), Random(1))
    waiting = [prepare(pod(number)) for number in range(pods)]
    start = time.perf_counter()
    for obj in waiting:
        info = PodInfo(obj)
        place = decider.decide(info)
        if isinstance(place, Unschedulable):
            raise SystemExit(place.message())
        state.assume(info, place)
    rate = pods / (time.perf_counter() - start)
    print(json.dumps({"benchmark": f"scheduler.{case}", "nodes": nodes, "pods_per_second": round(rate)}), flush=True)


def main() -> None:
    for nodes in (1000, 5000):
        measure("plain", nodes, 3000, lambda info: None)
        measure("default_spreading", nodes, 2000, owner)
        measure("spread_constraints", nodes, 500, lambda info: None, spread)


if __name__ == "__main__":
    main()
