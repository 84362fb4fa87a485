"""matchConditions: expressions that must all be true for a webhook or policy to be asked.

One that is false excludes the request, whatever the others are; else errors count by failurePolicy. Compiled when they
are first needed. Upstream: k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sampan.apiserver.admission.dynamic.evaluation import Budget, OutOfBudget, Wrong, run
from sampan.machinery.aggregate import aggregated
from sampan.machinery.cel.errors import CompileError, InstantiationError
from sampan.machinery.meta import Object

if TYPE_CHECKING:
    from sampan.machinery.cel.engine import Program
    from sampan.machinery.cel.environment import Environment


class Verdict(NamedTuple):
    """`error`: why the request is to be refused; `failed`: how many conditions had no value."""

    matches: bool
    error: str = ""
    failed: int = 0


def compile_or_say(environment: "Environment", text: str) -> "Program | str":
    """The program of an expression, or the sentence on why there is none."""
    try:
        return environment.compile(text.strip())
    except CompileError as error:
        return f"compilation error: compilation failed: {error}"
    except InstantiationError as error:
        return f"compilation error: program instantiation failed: {error}"


class Conditions:
    """Those of one webhook or policy; `fails` is failurePolicy Fail."""

    def __init__(self, conditions: Sequence[Object], *, fails: bool) -> None:
        self._texts = tuple(condition["expression"] for condition in conditions)
        self._fails = fails
        self._programs: tuple[Program | str, ...] | None = None

    def __bool__(self) -> bool:
        return bool(self._texts)

    @property
    def are_compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self._programs is not None

    def compile(self, environment: "Environment") -> None:
        """Make the programs, once."""
        if self._programs is None:
            self._programs = tuple(compile_or_say(environment, text) for text in self._texts)

    def decide(self, bindings: Mapping[str, Any], budget: Budget) -> Verdict:
        """Whether the request is concerned; `compile` comes before."""
        errors: list[str] = []
        matches = True
        try:
            for program in self._programs or ():
                matches = _holds(program, bindings, budget, errors) and matches
        except OutOfBudget as error:
            return Verdict(False, str(error) if self._fails else "")
        if not matches:
            return Verdict(False, failed=len(errors))
        if errors:
            return Verdict(False, aggregated(errors) if self._fails else "", len(errors))
        return Verdict(True)


def _holds(program: "Program | str", bindings: Mapping[str, Any], budget: Budget, errors: list[str]) -> bool:
    """False only where it is certain."""
    if isinstance(program, str):
        errors.append(program)
        return True
    try:
        return run(program, bindings, budget) is not False
    except Wrong as error:
        errors.append(str(error))
        return True
