"""Expressions evaluated under a budget, in the event loop as long as that is quick.

    found = await evaluated(lambda allowance: decide(policy, bindings, allowance))

`decide` is pure and evaluates any number of expressions with `run`, under budgets that the allowance gives it. That is
little at first; who needs more starts again, in a thread, with upstream's whole budgets. Upstream:
k8s.io/apiserver/pkg/admission/plugin/cel (activation.go), pkg/apis/cel (the limits).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sampan.machinery.cel.errors import BudgetExceeded, EvaluationError
from sampan.machinery.cel.settings import PER_CALL_LIMIT

if TYPE_CHECKING:
    from sampan.machinery.cel.engine import Program

CONDITIONS_BUDGET = 2_500_000
POLICY_BUDGET = 10_000_000
_QUICK = 10_000  # units that are spent in the event loop: a few milliseconds
_NO_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"

T = TypeVar("T")


class OutOfBudget(Exception):
    """All expressions together cost too much; str() says so as upstream does."""


class _Slow(Exception):
    """What was allowed in the event loop is spent."""


class Wrong(Exception):
    """An expression has no value; str() is upstream's sentence."""


@dataclass(slots=True)
class Budget:
    """What is left for a group of expressions."""

    left: int
    quick: bool = False

    @property
    def limit(self) -> int:
        """What the next expression may cost."""
        return PER_CALL_LIMIT if not self.quick else self.left

    def spend(self, cost: int) -> None:
        """Raises OutOfBudget."""
        if cost > self.left:
            raise _Slow if self.quick else OutOfBudget(_NO_BUDGET)
        self.left -= cost


class Allowance:
    """What a decision may cost: a little in the event loop, and beside it what upstream allows."""

    def __init__(self, *, quick: bool) -> None:
        self._quick = Budget(_QUICK, quick=True) if quick else None
        self.variable_limit = _QUICK if quick else PER_CALL_LIMIT

    def budget(self, whole: int) -> Budget:
        """The budget of a group of expressions for which upstream gives `whole`."""
        return self._quick or Budget(whole)


def run(program: "Program", bindings: Mapping[str, Any], budget: Budget) -> Any:
    """The value of an expression. Raises Wrong, OutOfBudget."""
    before = getattr(bindings, "cost", 0)
    try:
        result = program.evaluate(bindings, budget.limit)
        cost, value, wrong = result.cost, result.value, ""
    except (EvaluationError, BudgetExceeded) as error:
        if budget.quick and isinstance(error, BudgetExceeded):
            raise _Slow from None
        cost, value, wrong = error.cost, None, str(error)
    budget.spend(cost + getattr(bindings, "cost", 0) - before)
    if wrong:
        raise Wrong(f"expression '{program.text}' resulted in error: {wrong}")
    return value


async def evaluated(decide: Callable[[Allowance], T]) -> T:
    """What `decide` comes to."""
    try:
        return decide(Allowance(quick=True))
    except _Slow:
        return await asyncio.to_thread(decide, Allowance(quick=False))
