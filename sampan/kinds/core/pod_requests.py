"""Amounts of resources as integers, and what a pod asks for in all.

CPU in thousandths, everything else in whole units (bytes, pieces). Called by the scheduler and by the kubelet. Rules:
"Resource sharing within containers" in the docs page Init Containers, KEP-753 (sidecars), KEP-2837 (pod-level
resources), KEP-688 (overhead).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sampan.machinery.quantity import milli, value

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
