"""Variables of policies, which refer to each other: named expressions that are worked out when they are looked at.

    composition = Composition(admission_environment(params=True))
    composition.add("replicas", "object.spec.replicas")
    program = composition.environment.compile("variables.replicas <= 5")
    bindings = composition.bind({"object": ..., "request": ...})
    program.evaluate(bindings)
    bindings.cost          # of the variables that were looked at

Called by what evaluates admission policies. Upstream: apiserver pkg/admission/plugin/cel/composition.go.
"""

from collections.abc import Mapping
from typing import Any

from sampan.machinery.cel.engine import Program
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import BudgetExceeded, CompileError, EvaluationError, InstantiationError
from sampan.machinery.cel.settings import PER_CALL_LIMIT
from sampan.machinery.cel.types import DYN, Declaration, DeclaredField, struct

VARIABLES = "variables"


class Composition:
    """Named expressions that come before others: `variables.name`. Each sees those that were added before it."""

    def __init__(self, environment: Environment) -> None:
        self._fields: dict[str, DeclaredField] = {}
        self._programs: dict[str, Program | str] = {}
        declaration = Declaration(fields=self._fields)
        declaration.type = struct("kubernetes.variables", declaration)
        self.environment = environment.extend({VARIABLES: declaration.type})

    def add(self, name: str, text: str) -> str:
        """Add a variable. Gives what is wrong with one that does not compile; such a one fails where it is used."""
        declaration = Declaration()
        declaration.type = DYN
        self._fields[name] = DeclaredField(name, declaration, nullable=True)
        program, wrong = _compiled(self.environment, text)
        if program is not None:
            declaration.type = program.result_type
        self._programs[name] = program if program is not None else wrong
        return wrong

    def bind(self, bindings: Mapping[str, Any], limit: int = PER_CALL_LIMIT) -> "Bindings":
        """The bindings with the variables, which are worked out when they are looked at, once.

        A variable that costs more than `limit` has no value; where that is less than upstream allows, the evaluation
        ends with BudgetExceeded instead, to be repeated with more.
        """
        return Bindings(bindings, self._programs, limit)


def _compiled(environment: Environment, text: str) -> tuple[Program | None, str]:
    try:
        return environment.compile(text), ""
    except CompileError as error:
        return None, f"compilation failed: {error}"
    except InstantiationError as error:
        return None, f"program instantiation failed: {error}"


class Bindings(dict[str, Any]):
    """Bindings for the expressions of one evaluation; `cost` is what the variables have cost so far."""

    def __init__(self, bindings: Mapping[str, Any], programs: Mapping[str, Program | str], limit: int) -> None:
        super().__init__(bindings)
        self.cost = 0
        self._limit = limit
        self._programs = programs
        self[VARIABLES] = _Variables(self)

    def compute(self, name: str) -> Any:
        """The value of a variable."""
        program = self._programs[name]
        if isinstance(program, str):
            raise EvaluationError(f'composited variable "{name}" fails to compile: {program}')
        try:
            result = program.evaluate(self, self._limit)
        except (EvaluationError, BudgetExceeded) as error:
            if self._limit < PER_CALL_LIMIT and isinstance(error, BudgetExceeded):
                raise
            self.cost += error.cost
            raise EvaluationError(f'composited variable "{name}" fails to evaluate: {error}') from None
        self.cost += result.cost
        return result.value


class _Variables(dict[str, Any]):
    """The values of the variables that were looked at."""

    def __init__(self, bindings: Bindings) -> None:
        super().__init__()
        self._bindings = bindings

    def __missing__(self, name: str) -> Any:
        value = self[name] = self._bindings.compute(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The value, worked out if need be."""
        return self[name]
