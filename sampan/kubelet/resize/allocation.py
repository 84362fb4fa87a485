"""The part of a pod's spec that a resize may change, and a pod with another one in its place. Pure.

Upstream: pkg/kubelet/allocation (ResourceInfoForPod, UpdatePodFromAllocation). Ephemeral containers have no resources.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sampan.kubelet.resources import CPU_AND_MEMORY, effective_resources
from sampan.machinery.meta import Object
from sampan.machinery.quantity import parse
from sampan.machinery.tree import semantic_equal

_LISTS = ("initContainers", "containers")


@dataclass(frozen=True, slots=True)
class Allocation:
    """Resources of containers by their names, and those of the pod as a whole."""

    containers: Mapping[str, Object] = field(default_factory=dict)
    pod: Object | None = None


def allocation_of(pod: Object) -> Allocation:
    """What a pod's spec asks for."""
    spec = pod["spec"]
    listed = {one["name"]: one.get("resources") or {} for name in _LISTS for one in spec.get(name) or ()}
    return Allocation(listed, spec.get("resources"))


def with_allocation(pod: Object, given: Allocation) -> Object:
    """The pod as if its spec asked for what is allocated; itself where it does."""
    if not differs(pod, given):
        return pod
    spec = dict(pod["spec"])
    for name in _LISTS:
        if name in spec:
            spec[name] = [_resized(one, given.containers) for one in spec[name] or ()]
    spec.pop("resources", None)
    return pod | {"spec": spec | ({"resources": given.pod} if given.pod is not None else {})}


def differs(pod: Object, given: Allocation) -> bool:
    """Whether the pod's spec asks for something else than what is allocated."""
    wanted = allocation_of(pod)
    known = {name: given.containers.get(name, asked) for name, asked in wanted.containers.items()}
    return not (semantic_equal(dict(wanted.containers), known) and semantic_equal(wanted.pod, given.pod))


def amounts_of(container: Object, pod: Object) -> dict[str, int]:
    """CPU and memory of a container as they reach the runtime, by `requests.cpu` and the like, in nano-units."""
    return amounts_in(effective_resources(container, pod["spec"].get("resources")))


def amounts_in(resources: Object) -> dict[str, int]:
    """The CPU and memory of resources; what is 0 is as good as not there."""
    found = {
        f"{part}.{name}": parse(str(amount)).nano
        for part in ("requests", "limits")
        for name, amount in (resources.get(part) or {}).items()
        if name in CPU_AND_MEMORY
    }
    return {name: amount for name, amount in found.items() if amount}


def _resized(container: Object, given: Mapping[str, Any]) -> Object:
    return container | {"resources": given[container["name"]]} if container["name"] in given else container
