"""What it is to measure the objects of one kind, and the plain case: each counts as one."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sampan.kinds.core.pod_resources import Resources
from sampan.kinds.quota.scopes import Term, terms
from sampan.machinery.errors import qualified
from sampan.machinery.meta import Object
from sampan.machinery.quantity import Quantity

ONE, ZERO = Quantity(10**9), Quantity(0)


class Change(NamedTuple):
    """A write that may use up something of a quota."""

    operation: str  # CREATE or UPDATE
    subresource: str
    new: Object
    old: Object | None


def _creates(change: Change) -> bool:
    return change.operation == "CREATE" and not change.subresource


@dataclass(frozen=True, slots=True)
class Evaluator:
    """How objects of a kind are measured."""

    tracks: Callable[[str], bool]  # whether it measures this resource of a quota
    usage: Callable[[Object, datetime], Resources]
    in_scope: Callable[[Term, Object], bool] = lambda term, obj: False
    handles: Callable[[Change], bool] = _creates  # whether admission has to look at a write
    lacks: Callable[[Collection[str], Object], str] = lambda names, obj: ""  # what an object must say, but doesn't
    frees: Callable[[Object, Object, datetime], bool] = lambda old, new, now: False  # whether an update gives back

    def tracked(self, names: Iterable[str]) -> list[str]:
        """Those of the resources that it measures."""
        return [name for name in names if self.tracks(name)]

    def covers(self, quota: Object, obj: Object) -> bool:
        """Whether an object is in all scopes of a quota."""
        return all(self.in_scope(term, obj) for term in terms(quota))


def count_name(group: str, plural: str) -> str:
    """`count/deployments.apps`."""
    return f"count/{qualified(plural, group)}"


def object_count(*names: str) -> Evaluator:
    """Each object counts as one under each of these names."""
    return Evaluator(tracks=frozenset(names).__contains__, usage=lambda obj, now: dict.fromkeys(names, ONE))


def less(amounts: Resources, more: Resources) -> Resources:
    """The difference, nowhere below nothing."""
    found = {name: replace(amount, nano=max(amount.nano - _nano(more, name), 0)) for name, amount in amounts.items()}
    return {**dict.fromkeys(more, ZERO), **found}


def _nano(amounts: Resources, name: str) -> int:
    return amounts[name].nano if name in amounts else 0
