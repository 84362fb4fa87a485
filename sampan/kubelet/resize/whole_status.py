"""What status tells of a pod's resources as a whole: allocatedResources, and resources as its cgroup has them. Pure.

Where the cgroup has what is allocated, that is told as it was written, not as the kernel's numbers give it back.
Overhead is none of the pod's own. Upstream: kubelet_pods.go (convertToAPIPodLevelResourcesStatus), KEP-5419. Called by
status.py.
"""

from sampan.kinds.core.pod_resources import Resources, of_spec, resources
from sampan.kubelet.resources import CPU_AND_MEMORY, MIN_SHARES, PERIOD, Limits, pod_limits
from sampan.machinery.meta import Object
from sampan.machinery.quantity import Quantity

_UNIT, _MILLI = 10**9, 10**6


def whole_status(pod: Object, cgroup: Limits | None, *, runs: bool) -> Object:
    """The two fields; `cgroup` is what the pod's has been set to, None where nobody knows."""
    requests, limits = of_spec(pod["spec"], "requests"), of_spec(pod["spec"], "limits")
    allocated = _texts(requests)
    if runs:
        wanted = pod_limits(pod)
        has = cgroup or wanted
        requests = _own(pod, "requests") | _requests(requests, wanted, has)
        limits = _own(pod, "limits") | _limits(limits, wanted, has)
    told = {"requests": _texts(requests), "limits": _texts(limits)}
    found: Object = {"resources": {part: texts for part, texts in told.items() if texts}}
    return found | ({"allocatedResources": allocated} if allocated else {})


def _own(pod: Object, part: str) -> Resources:
    """What the pod asks for as a whole and is not resized."""
    asked = resources((pod["spec"].get("resources") or {}).get(part))
    return {name: amount for name, amount in asked.items() if name not in CPU_AND_MEMORY}


def _requests(allocated: Resources, wanted: Limits, has: Limits) -> Resources:
    found = {name: allocated[name] for name in CPU_AND_MEMORY if name in allocated}
    if has.cpu_shares == wanted.cpu_shares:
        return found
    found.pop("cpu", None)
    milli = -(-has.cpu_shares * 1000 // 1024)
    return found | ({"cpu": Quantity(milli * _MILLI)} if has.cpu_shares > MIN_SHARES else {})


def _limits(allocated: Resources, wanted: Limits, has: Limits) -> Resources:
    cpu, memory = Quantity(has.cpu_quota * _UNIT // PERIOD), Quantity(has.memory * _UNIT, "BinarySI")
    found: Resources = {}
    if has.cpu_quota:
        found["cpu"] = allocated.get("cpu", cpu) if has.cpu_quota == wanted.cpu_quota else cpu
    if has.memory:
        found["memory"] = allocated.get("memory", memory) if has.memory == wanted.memory else memory
    return found


def _texts(amounts: Resources) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}
