"""The quality-of-service class of a pod, from its requests and limits: ComputePodQOS."""

from collections import Counter
from collections.abc import Iterable

from sampan.machinery import quantity
from sampan.machinery.meta import Object

_RESOURCES = ("cpu", "memory")


def qos_class(pod: Object) -> str:
    """Guaranteed where every container's CPU and memory are limited to what they request; BestEffort without any."""
    holders = list(_holders(pod["spec"]))
    requests, limits = _total(holders, "requests"), _total(holders, "limits")
    if not requests and not limits:
        return "BestEffort"
    all_limited = all(_amounts(holder, "limits").keys() == set(_RESOURCES) for holder in holders)
    return "Guaranteed" if all_limited and requests == limits else "Burstable"


def _holders(spec: Object) -> Iterable[Object]:
    """What has resources: the pod as a whole where it says so (KEP-2837), else its containers."""
    if any((spec.get("resources") or {}).get(field) for field in ("requests", "limits")):
        yield spec
    else:
        yield from (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))


def _amounts(holder: Object, field: str) -> dict[str, int]:
    named = ((holder.get("resources") or {}).get(field) or {}).items()
    amounts = {name: quantity.milli(amount) for name, amount in named if name in _RESOURCES}
    return {name: amount for name, amount in amounts.items() if amount > 0}


def _total(holders: Iterable[Object], field: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for holder in holders:
        total.update(_amounts(holder, field))
    return total
