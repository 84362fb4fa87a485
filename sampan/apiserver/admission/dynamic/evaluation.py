"""Expressions evaluated under a budget, in the event loop as long as that is quick.

    found = await evaluated(lambda budget: decide(policy, bindings(), budget))

`decide` is pure and evaluates any number of expressions with `run`. It is given little at first; one that needs more
starts again, in a thread, with the whole budget. Upstream: k8s.io/apiserver/pkg/admission/plugin/cel (activation.go),
pkg/apis/cel (the limits).
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
    """What is left for the expressions of one object."""

    left: int
    quick: bool = False

    @property
    def limit(self) -> int:
        """What the next expression may cost."""
        return min(PER_CALL_LIMIT, self.left)

    def spend(self, cost: int) -> None:
        """Raises OutOfBudget."""
        if cost > self.left:
            raise _Slow if self.quick else OutOfBudget(_NO_BUDGET)
        self.left -= cost


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


async def evaluated(decide: Callable[[Budget], T], budget: int) -> T:
    """What `decide` comes to."""
    try:
        return decide(Budget(_QUICK, quick=True))
    except _Slow:
        return await asyncio.to_thread(decide, Budget(budget))
