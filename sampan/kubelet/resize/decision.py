"""Whether what pods want instead of what they have can be given to them, and who is asked first. Pure.

A resize that there is no room for is deferred, until other pods have left or shrunk. One that the node could never
carry out does not get here: the API server refuses what is more than the node has (admission plugin
PodResizeValidator), and of upstream's reasons for Infeasible (swap, static CPU and memory managers, volumes in memory)
this kubelet has none. Upstream: pkg/kubelet/allocation. Called by reviews.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sampan.kinds.core.pod_requests import CPU, MEMORY, requested
from sampan.kubelet.admission import shortage
from sampan.kubelet.podspec import qos_class, uid_of
from sampan.machinery.meta import Object


@dataclass(frozen=True, slots=True)
class Wish:
    """A pod that wants other resources than it has."""

    wanted: Object
    allocated: Object
    deferred_at: str = ""  # since when it has been waiting; "" if nobody has decided yet


def in_order(wishes: Iterable[Wish]) -> list[Wish]:
    """Those that ask for no more first; then by priority, guaranteed pods, and how long they have waited."""
    return sorted(wishes, key=_rank)


def refused(wish: Wish, allocatable: Mapping[str, Any], others: Iterable[Object]) -> str:
    """Why it has to wait, beside what the other pods have been allocated; "" if it can be given."""
    found = shortage(wish.wanted, allocatable, others)
    return found[1] if found else ""


def _rank(wish: Wish) -> tuple[bool, int, bool, bool, str, str]:
    pod = wish.wanted
    guaranteed = qos_class(pod) == "Guaranteed"
    waiting = (not wish.deferred_at, wish.deferred_at)
    return _asks_for_more(wish), -int(pod["spec"].get("priority") or 0), not guaranteed, *waiting, uid_of(pod)


def _asks_for_more(wish: Wish) -> bool:
    before, after = requested(wish.allocated["spec"]), requested(wish.wanted["spec"])
    return any(after.get(name, 0) > before.get(name, 0) for name in (CPU, MEMORY))
