"""The walk of CEL rules over an object, and the seam to the language: x-kubernetes-validations.

This module knows where rules are, in which order they run, what the old value of a value is and when an error of an
update is forgiven. What a rule means is a `RuleCompiler`'s business, given to resource.py: it makes of a node
with rules a `RuleCheck`, once. Rules see no null; a value in a list has an old value only where the list is a map.

Upstream: apiserver/schema/cel/validation.go.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path
from sampan.machinery.structural.ratcheting import Correlation
from sampan.machinery.structural.schema import Structural

RUNTIME_BUDGET = 10_000_000  # cost units of all rules over one object: celconfig.RuntimeCELCostBudget


@dataclass(slots=True)
class Budget:
    """What the rules over one object may still cost. Below zero, no more are run."""

    remaining: int = RUNTIME_BUDGET


class RuleCheck(Protocol):
    """The compiled rules of one node."""

    def __call__(
        self, value: Any, old: Any, path: Path, forgiven: Callable[[], bool], budget: Budget
    ) -> Iterable[FieldError]:
        """What the rules say of a value (never null).

        `old` is None if there is none to compare with. `forgiven()` tells whether errors of rules that do not look at
        the old value are to be dropped. The cost goes off the budget; one that is used up makes an error of its own.
        """


# Makes the check of a node that has rules. `Structural.max_count` bounds how often the node occurs (None: no bound),
# `Structural.resource_root` says that apiVersion, kind and metadata are there though the schema does not name them.
RuleCompiler = Callable[[Structural], RuleCheck]


class Rules:
    """The rules of a schema, compiled by one compiler."""

    def __init__(self, compiler: RuleCompiler) -> None:
        self._compiler = compiler

    def errors(self, node: Structural, new: Any, old: Any = None, *, update: bool = False) -> list[FieldError]:
        """What the rules say of an object: a new one, or one that replaces `old`."""
        whole = Correlation(new, old, node) if update else None
        return list(self._check(node, new, old, _Ratchet(whole), Path(), Budget()))

    def of_default(self, node: Structural, value: Any, path: Path) -> list[FieldError]:
        """What the rules say of a default: as a value that has not changed, and as a new one."""
        kept = list(self._check(node, value, value, _Ratchet(None), path, Budget()))
        return kept or list(self._check(node, value, None, _Ratchet(None), path, Budget()))

    def _check(
        self, node: Structural, value: Any, old: Any, ratchet: "_Ratchet", path: Path, budget: Budget
    ) -> Iterator[FieldError]:
        if value is None or budget.remaining < 0:
            return
        if node.rules:
            check = node.memo("rules", self._compiler)
            yield from check(value, old, path, ratchet.forgives, budget)
        if type(value) is dict:
            yield from self._fields(node, value, old, ratchet, path, budget)
        elif type(value) is list and node.items is not None:
            correlation = Correlation(value, old, node)
            for index, item in enumerate(value):
                below = correlation.old_item(item)
                yield from self._check(node.items, item, below, ratchet.below(index), path.index(index), budget)

    def _fields(
        self, node: Structural, value: dict[str, Any], old: Any, ratchet: "_Ratchet", path: Path, budget: Budget
    ) -> Iterator[FieldError]:
        before = old if type(old) is dict else {}
        for key, item in value.items():
            child = node.field(key)
            if child is not None:
                at = path.child(key) if key in node.properties else path.key(key)
                yield from self._check(child, item, before.get(key), ratchet.below(key), at, budget)


class _Ratchet:
    """The correlation at a place, or the nearest above it that there is."""

    __slots__ = ("_at", "_is_root", "_nearest")

    def __init__(self, at: Correlation | None, nearest: Correlation | None = None, is_root: bool = True) -> None:
        self._at, self._nearest, self._is_root = at, nearest, is_root

    def forgives(self) -> bool:
        """Whether the value, or the nearest one above that can be compared, has not changed."""
        compared = self._at or self._nearest
        return compared is not None and compared.unchanged

    def below(self, step: str | int) -> "_Ratchet":
        if self._at is None:
            return self
        if self._is_root and step in ("apiVersion", "kind"):
            return _Ratchet(None, None, False)
        return _Ratchet(self._at.below(step), self._at, False)
