"""Deciding about the resizes of a node's pods, one after the other, whenever there may be room. Called by app.py.

Every change that makes room reaches the kubelet as a change of some pod: one goes, ends, or has shrunk. So nothing
has to be asked for again by the clock.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from sampan.kubelet.podspec import is_finished
from sampan.kubelet.resize.decision import Wish, in_order, refused
from sampan.machinery.meta import Object


class Resizable(Protocol):
    """One pod's worker, as far as this is concerned."""

    def wish(self) -> Wish | None:
        """What it wants beyond what it has."""

    def allocated(self) -> Object:
        """The pod with what it has been allocated."""

    def give(self) -> None:
        """It may have what it wants."""

    def defer(self, message: str) -> None:
        """There is no room for what it wants."""


def review(workers: Iterable[Resizable], allocatable: Mapping[str, Any]) -> None:
    """Give what can be given. `workers` are those of all pods that count."""
    present = [worker for worker in workers if not is_finished(worker.allocated())]
    asking = [(wish, worker) for worker in present if (wish := worker.wish()) is not None]
    by_wish = {id(wish): worker for wish, worker in asking}
    for wish in in_order(wish for wish, _ in asking):
        worker = by_wish[id(wish)]
        others = [other.allocated() for other in present if other is not worker]
        if why := refused(wish, allocatable, others):
            worker.defer(why)
        else:
            worker.give()
