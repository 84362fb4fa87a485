"""Requests and limits as the kernel's numbers: CPU shares and quota, memory limits, OOM scores, cgroup paths. Pure.

Formulas: docs "Resource Management for Pods and Containers", kernel cgroup-v1 cpu and cgroup-v2 documents.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sampan.kubelet.podspec import containers, init_containers, is_sidecar, qos_class, uid_of
from sampan.machinery.meta import Object
from sampan.machinery.quantity import parse

PERIOD = 100_000  # microseconds
MIN_SHARES, MAX_SHARES = 2, 262_144
MIN_QUOTA, MAX_QUOTA = 1_000, (1 << 44) - 1  # microseconds; the kernel refuses more
MAX_MEMORY = (1 << 63) - 1  # bytes, in CRI and in the kernel
SYSTEM_CRITICAL = 2_000_000_000
CPU_AND_MEMORY = ("cpu", "memory")


@dataclass(frozen=True, slots=True)
class Limits:
    """A cgroup's settings; 0 means no limit."""

    cpu_shares: int
    cpu_quota: int = 0
    memory: int = 0


def container_limits(container: Object) -> Limits:
    """The settings of one container."""
    resources = container.get("resources") or {}
    limits = resources.get("limits") or {}
    return _limits(_amounts(resources.get("requests") or {}, limits), _amounts(limits))


def effective_resources(container: Object, pod: Object | None) -> Object:
    """A container's resources; without a limit of its own, that of the pod as a whole holds for it (KEP-2837)."""
    own: Object = container.get("resources") or {}
    whole = (pod or {}).get("limits") or {}
    added = {name: whole[name] for name in CPU_AND_MEMORY if name in whole and name not in (own.get("limits") or {})}
    return own | {"limits": added | (own.get("limits") or {})} if added else own


def pod_limits(pod: Object) -> Limits:
    """The settings of the pod's cgroup: sums, or the greatest init container; limits only where all have one.

    What the pod asks for as a whole takes the place of the sums.
    """
    members = [*containers(pod), *(c for c in init_containers(pod) if is_sidecar(c))]
    firsts = [c for c in init_containers(pod) if not is_sidecar(c)]
    asked = {name: max(_sum(members, name), _most(firsts, name)) for name in ("cpu", "memory")}
    bounds: dict[str, int] = {}
    for name in ("cpu", "memory"):
        each = [_limit(c, name) for c in (*members, *firsts)]
        if all(each):
            bounds[name] = max(sum(_limit(c, name) for c in members), max((_limit(c, name) for c in firsts), default=0))
    whole = pod["spec"].get("resources") or {}
    asked |= _amounts(whole.get("requests") or {})
    bounds |= {name: amount for name, amount in _amounts(whole.get("limits") or {}).items() if amount}
    return _limits(asked, bounds)


def oom_score(pod: Object, container: Object, memory_capacity: int) -> int:
    """How readily the kernel kills it: -997 guaranteed, 1000 best effort, in between by the share of memory asked."""
    quality = qos_class(pod)
    if quality == "Guaranteed" or (pod["spec"].get("priority") or 0) >= SYSTEM_CRITICAL:
        return -997
    if quality == "BestEffort":
        return 1000
    asked = _asked(container, "memory") // 10**9
    return min(max(1000 - 1000 * asked // memory_capacity, 3), 999)


def cgroup_parent(pod: Object, root: str, systemd: bool) -> str:
    """The pod's cgroup: /kubepods/burstable/pod<uid>, or the slice name that systemd wants."""
    quality = {"Guaranteed": "", "Burstable": "burstable", "BestEffort": "besteffort"}[qos_class(pod)]
    parts = ["kubepods", *([quality] if quality else []), f"pod{uid_of(pod)}"]
    if systemd:
        return "-".join(part.replace("-", "_") for part in parts) + ".slice"
    return "/".join([root.rstrip("/"), *parts])


def _limits(asked: Mapping[str, int], bounds: Mapping[str, int]) -> Limits:
    """From nano-CPUs and nano-bytes."""
    shares = asked.get("cpu", 0) * 1024 // 10**9
    quota = bounds.get("cpu", 0) * PERIOD // 10**9
    return Limits(
        cpu_shares=min(max(shares, MIN_SHARES), MAX_SHARES),
        cpu_quota=min(max(quota, MIN_QUOTA), MAX_QUOTA) if quota else 0,
        memory=min(bounds.get("memory", 0) // 10**9, MAX_MEMORY),
    )


def _amounts(values: Mapping[str, Any], fallback: Mapping[str, Any] | None = None) -> dict[str, int]:
    """In nano-units; what is not asked for is asked for at its limit."""
    merged = {**(fallback or {}), **values}
    return {name: parse(str(merged[name])).nano for name in ("cpu", "memory") if name in merged}


def _limit(container: Object, name: str) -> int:
    return _amounts((container.get("resources") or {}).get("limits") or {}).get(name, 0)


def _asked(container: Object, name: str) -> int:
    resources = container.get("resources") or {}
    return _amounts(resources.get("requests") or {}, resources.get("limits") or {}).get(name, 0)


def _sum(members: Iterable[Object], name: str) -> int:
    return sum(_asked(container, name) for container in members)


def _most(members: Iterable[Object], name: str) -> int:
    return max((_asked(container, name) for container in members), default=0)


def orphan_cgroups(uid: str, root: str) -> list[str]:
    """Where the cgroup of a pod whose class is not known any more may be."""
    base = root.rstrip("/") + "/kubepods"
    return [f"{base}/pod{uid}", f"{base}/burstable/pod{uid}", f"{base}/besteffort/pod{uid}"]
