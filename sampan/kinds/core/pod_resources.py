"""What a pod asks for and is limited to in all, as exact quantities: for limits, quotas, and whoever shows them.

The scheduler, which adds up integers very often, has its own. Rules: "Resource sharing within containers" in the docs
page Init Containers, KEP-753 (sidecars), KEP-2837 (resources of the pod), KEP-1287 (resizing in place), KEP-688.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from sampan.machinery.meta import Object
from sampan.machinery.quantity import Quantity, parse
from sampan.machinery.tree import get_path

Resources = dict[str, Quantity]
Field = Literal["requests", "limits"]

_OF_PODS = ("cpu", "memory")  # and huge pages


def resources(amounts: Mapping[str, Any] | None) -> Resources:
    """A resource list with its quantities understood. Raises QuantityError."""
    return {name: parse(str(amount)) for name, amount in (amounts or {}).items()}


def add(total: Resources, more: Mapping[str, Quantity]) -> None:
    """Add in place."""
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def raise_to(total: Resources, least: Mapping[str, Quantity]) -> None:
    """Replace in place what is less."""
    for name, amount in least.items():
        if name not in total or total[name].nano < amount.nano:
            total[name] = amount


def aggregated(spec: Object, field: Field) -> Resources:
    """What the spec says of its containers alone."""
    return _summed(spec, lambda container: resources((container.get("resources") or {}).get(field)))


def is_pod_level(name: str) -> bool:
    """Whether a resource can be given to a pod as a whole."""
    return name in _OF_PODS or name.startswith("hugepages-")


def of_spec(spec: Object, field: Field) -> Resources:
    """What the spec says of its containers and the pod, without overhead."""
    total = aggregated(spec, field)
    total.update(_of_pod(spec.get("resources"), field))
    return total


def effective(pod: Object, field: Field) -> Resources:
    """What a pod counts for, with overhead: while it is resized, the most of what is wanted, granted and in force."""
    spec = pod["spec"]
    total: Resources = {}
    for part in _views(pod, field):
        raise_to(total, part)
    total.update(_of_whole(pod, field))
    for name, amount in resources(spec.get("overhead")).items():
        if field == "requests" or (name in total and total[name].nano):
            add(total, {name: amount})
    return total


def _summed(spec: Object, own: Callable[[Object], Resources]) -> Resources:
    """Containers and sidecars together, or the hungriest init step, each with the sidecars before it."""
    total: Resources = {}
    for container in spec.get("containers") or ():
        add(total, own(container))
    sidecars: Resources = {}
    steps: Resources = {}
    for container in spec.get("initContainers") or ():
        step = own(container)
        if container.get("restartPolicy") == "Always":
            add(sidecars, step)
            step = sidecars
        else:
            add(step, sidecars)
        raise_to(steps, step)
    add(total, sidecars)
    raise_to(total, steps)
    return total


def _of_pod(amounts: Object | None, field: Field) -> Resources:
    found = resources((amounts or {}).get(field))
    return {name: amount for name, amount in found.items() if is_pod_level(name)}


def _of_whole(pod: Object, field: Field) -> Resources:
    """What the pod asks for as a whole, or is granted or has by its status, whatever is the most."""
    status = pod.get("status") or {}
    asked = _of_pod(pod["spec"].get("resources"), field)
    if not asked or not status.get("resources"):
        return asked
    total = {} if _is_infeasible(pod) else dict(asked)
    raise_to(total, _of_pod(status["resources"], field))
    if field == "requests":
        raise_to(total, _of_pod({field: status.get("allocatedResources")}, field))
    return total


def _views(pod: Object, field: Field) -> Iterator[Resources]:
    """The sums over containers: of the spec, of what the node has granted, of what is in force."""
    spec, statuses, infeasible = pod["spec"], _statuses(pod), _is_infeasible(pod)

    def summed(paths: Iterable[tuple[str, ...]], fallback: bool) -> Resources:
        def own(container: Object) -> Resources:
            status = statuses.get(container.get("name") or "")
            for path in paths:
                if status is not None and (found := get_path(status, path)) is not None:
                    return resources(found)
            return resources((container.get("resources") or {}).get(field)) if fallback else {}

        return _summed(spec, own)

    if not infeasible:
        yield summed((), fallback=True)
    if statuses:
        granted = ("allocatedResources",)
        if field == "requests":
            yield summed((granted,), fallback=not infeasible)
            yield summed((("resources", field), granted), fallback=not infeasible)
        else:
            yield summed((("resources", field),), fallback=not infeasible)


def _statuses(pod: Object) -> dict[str, Object]:
    status = pod.get("status") or {}
    listed = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    return {one["name"]: one for one in listed}


def _is_infeasible(pod: Object) -> bool:
    """Whether the node has said that it can't give what is wanted."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    pending = next((one for one in conditions if one.get("type") == "PodResizePending"), None)
    return pending is not None and pending.get("reason") == "Infeasible"
