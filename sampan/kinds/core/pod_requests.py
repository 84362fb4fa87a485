"""Amounts of resources as integers, and what a pod asks for in all.

CPU in thousandths, everything else in whole units (bytes, pieces). Called by the scheduler and by the kubelet. Rules:
"Resource sharing within containers" in the docs page Init Containers, KEP-753 (sidecars), KEP-2837 (pod-level
resources), KEP-688 (overhead).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sampan.machinery.quantity import milli, value
from sampan.machinery.tree import get_path

CPU, MEMORY, STORAGE, PODS = "cpu", "memory", "ephemeral-storage", "pods"

# What scoring assumes of a container that asks for nothing, so that such pods spread too.
DEFAULT_CPU = 100
DEFAULT_MEMORY = 200 << 20

Amounts = dict[str, int]


def amounts(quantities: Mapping[str, Any] | None) -> Amounts:
    """The amounts of a resource list."""
    return {name: milli(q) if name == CPU else value(q) for name, q in (quantities or {}).items()}


def add(total: Amounts, more: Mapping[str, int]) -> None:
    """Add in place."""
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def subtract(total: Amounts, less: Mapping[str, int]) -> None:
    """Take away in place; what reaches nothing disappears."""
    for name, amount in less.items():
        left = total.get(name, 0) - amount
        if left:
            total[name] = left
        else:
            total.pop(name, None)


def requested(spec: Mapping[str, Any], *, assume_defaults: bool = False) -> Amounts:
    """What a pod spec asks for: containers and sidecars together, or the hungriest init step, plus overhead.

    `assume_defaults` counts a container that names no CPU or memory as asking for DEFAULT_CPU, DEFAULT_MEMORY.
    """
    total: Amounts = {}
    for container in spec.get("containers") or ():
        add(total, _asked(container, assume_defaults))
    if spec.get("initContainers"):
        _include_init(total, spec["initContainers"], assume_defaults)
    pod_level = (spec.get("resources") or {}).get("requests")
    if pod_level:
        total.update(amounts(pod_level))
    if spec.get("overhead"):
        add(total, amounts(spec["overhead"]))
    return total


def requested_by(pod: Mapping[str, Any], *, assume_defaults: bool = False) -> Amounts:
    """What a pod counts for: while it is resized, the most of what it asks for, is allocated, and runs with.

    Rules: KEP-1287 and KEP-5419. Upstream: component-helpers/resource (PodRequests, with UseStatusResources).
    """
    total: Amounts = {}
    for spec in _views(pod):
        for name, amount in requested(spec, assume_defaults=assume_defaults).items():
            total[name] = max(total.get(name, 0), amount)
    return total


def _views(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The spec, and the spec as if it asked for what status tells; just the spec where they agree, as nearly always."""
    spec, status = pod["spec"], pod.get("status") or {}
    listed = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    statuses = {one["name"]: one for one in listed}
    own = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    if all(_agrees(one, statuses.get(one["name"])) for one in own) and _whole_agrees(spec, status):
        return [spec]
    infeasible = _is_infeasible(status)
    views = [] if infeasible else [spec]
    for sources in ((_ALLOCATED,), (_ACTUAL, _ALLOCATED)):
        view = dict(spec)
        for field in ("initContainers", "containers"):
            if spec.get(field):
                view[field] = [_as_told(one, statuses.get(one["name"]), sources, infeasible) for one in spec[field]]
        views.append(view | _whole_as_told(spec, status, sources))
    return views


_ALLOCATED, _ACTUAL = ("allocatedResources",), ("resources", "requests")


def _agrees(container: Mapping[str, Any], status: Mapping[str, Any] | None) -> bool:
    if status is None:
        return True
    asked = (container.get("resources") or {}).get("requests") or {}
    told = (get_path(status, path) for path in (_ALLOCATED, _ACTUAL))
    return all(one is None or one == asked for one in told)


def _whole_agrees(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    asked = (spec.get("resources") or {}).get("requests")
    return not asked or all(get_path(status, path) in (None, asked) for path in (_ALLOCATED, _ACTUAL))


def _as_told(
    container: Mapping[str, Any],
    status: Mapping[str, Any] | None,
    sources: tuple[tuple[str, ...], ...],
    infeasible: bool,
) -> Mapping[str, Any]:
    found = (get_path(status, path) for path in sources) if status is not None else ()
    told = next((one for one in found if one is not None), None)
    if told is None and not (infeasible and status is not None):
        return container
    return {**container, "resources": {"requests": told or {}}}


def _whole_as_told(
    spec: Mapping[str, Any], status: Mapping[str, Any], sources: tuple[tuple[str, ...], ...]
) -> dict[str, Any]:
    if not (spec.get("resources") or {}).get("requests"):
        return {}
    told = next((one for path in sources if (one := get_path(status, path)) is not None), None)
    return {} if told is None else {"resources": {"requests": told}}


def _is_infeasible(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or ()
    return any(one.get("type") == "PodResizePending" and one.get("reason") == "Infeasible" for one in conditions)


def _asked(container: Mapping[str, Any], assume_defaults: bool) -> Amounts:
    asked = amounts((container.get("resources") or {}).get("requests"))
    if assume_defaults:
        asked.setdefault(CPU, DEFAULT_CPU)
        asked.setdefault(MEMORY, DEFAULT_MEMORY)
    return asked


def _include_init(total: Amounts, containers: Iterable[Mapping[str, Any]], assume_defaults: bool) -> None:
    """Sidecars run beside what comes after them; the other init containers run one at a time, before the rest."""
    sidecars: Amounts = {}
    hungriest: Amounts = {}
    for container in containers:
        step = _asked(container, assume_defaults)
        if container.get("restartPolicy") == "Always":
            add(sidecars, step)
            step = dict(sidecars)
        else:
            add(step, sidecars)
        for name, amount in step.items():
            hungriest[name] = max(hungriest.get(name, 0), amount)
    add(total, sidecars)
    for name, amount in hungriest.items():
        total[name] = max(total.get(name, 0), amount)
