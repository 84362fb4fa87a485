"""The engine behind environment.py: all that an expression may use, and the compiled expression with its costs.

Upstream: apiserver pkg/cel/environment/base.go (which libraries since when); pkg/apis/cel/config.go (the limits).
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from sampan.machinery.cel import macros
from sampan.machinery.cel.access import Unbound
from sampan.machinery.cel.checker import check
from sampan.machinery.cel.code import COST, LIMIT, WORK, Code, Scope
from sampan.machinery.cel.compiler import compile_node
from sampan.machinery.cel.errors import BudgetExceeded, CompileError, EvaluationError, Issue
from sampan.machinery.cel.estimate import estimate
from sampan.machinery.cel.functions import Library, functions_of
from sampan.machinery.cel.library.authorizer import AUTHORIZER
from sampan.machinery.cel.library.formats import FORMATS
from sampan.machinery.cel.library.lists import LISTS
from sampan.machinery.cel.library.moments import MOMENTS
from sampan.machinery.cel.library.networks import NETWORKS
from sampan.machinery.cel.library.operators import OPERATORS
from sampan.machinery.cel.library.optionals import OPTIONALS
from sampan.machinery.cel.library.patterns import PATTERNS
from sampan.machinery.cel.library.quantities import QUANTITIES
from sampan.machinery.cel.library.semver import SEMVER
from sampan.machinery.cel.library.sets import SETS
from sampan.machinery.cel.library.standard import STANDARD
from sampan.machinery.cel.library.strings import STRINGS
from sampan.machinery.cel.library.urls import URLS
from sampan.machinery.cel.parser import parse
from sampan.machinery.cel.settings import PER_CALL_LIMIT, Version
from sampan.machinery.cel.sizes import Range
from sampan.machinery.cel.syntax import Node
from sampan.machinery.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    LIST,
    MAP,
    NULL,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    Type,
    optional_of,
    parse_type,
)
from sampan.machinery.cel.validators import validate

_VALIDATED: Version = (1, 29)
KUBERNETES: tuple[Library, ...] = (URLS, QUANTITIES, NETWORKS, SEMVER, FORMATS, AUTHORIZER)
LIBRARIES = (OPERATORS, STANDARD, MOMENTS, OPTIONALS, STRINGS, LISTS, SETS, PATTERNS)
_TYPES = {
    "bool": BOOL,
    "bytes": BYTES,
    "double": DOUBLE,
    "google.protobuf.Duration": DURATION,
    "google.protobuf.Timestamp": TIMESTAMP,
    "int": INT,
    "list": LIST,
    "map": MAP,
    "null_type": NULL,
    "optional_type": optional_of(DYN),
    "string": STRING,
    "type": TYPE,
    "uint": UINT,
}


@dataclass(frozen=True, slots=True)
class Result:
    """A value, and what it cost to find."""

    value: Any
    cost: int


class Program:
    """A compiled expression. It has no state: any number of evaluations may run at once, in any threads."""

    def __init__(self, text: str, tree: Node, code: Code, scope: Scope, cost: Range) -> None:
        self.text = text
        self.result_type = tree.type
        self.estimate = cost
        self.variables = frozenset(scope.variables)
        self._run = code.run
        self._base = code.cost
        self._slots = tuple(scope.variables.items())
        self._size = scope.size

    def evaluate(self, bindings: Mapping[str, Any], limit: int = PER_CALL_LIMIT) -> Result:
        """The value for some variables; raises EvaluationError or BudgetExceeded, with `cost` as far as it got."""
        frame: list[Any] = [None] * self._size
        frame[COST], frame[LIMIT], frame[WORK] = self._base, limit, 0
        for name, slot in self._slots:
            frame[slot] = bindings[name] if name in bindings else Unbound(name)
        try:
            value = self._run(frame)
        except EvaluationError as error:
            error.cost = frame[COST]
            raise
        except RecursionError:
            raise EvaluationError("evaluation recursion limit exceeded") from None
        if frame[COST] > limit:
            raise BudgetExceeded(frame[COST])
        return Result(value, frame[COST])


class Engine:
    """What environment.Environment is."""

    def __init__(
        self,
        variables: Mapping[str, Type] | None,
        libraries: Iterable[Library],
        types: Mapping[str, Type] | None,
        version: Version,
        bindings: bool = False,
    ) -> None:
        used = (*LIBRARIES, *libraries)
        self.variables = dict(variables or {})
        self._version = version
        self._functions = functions_of(used, version)
        own = {name: parse_type(name) for library in used for name in library.types}
        self._types: Mapping[str, Type] = {**_TYPES, **own, **(types or {})}
        self._macros = macros.known(version, bindings)

    def extend(self, variables: Mapping[str, Type], types: Mapping[str, Type] | None = None) -> "Engine":
        """The same environment with more variables and types. Cheap: the libraries are shared."""
        made = copy(self)
        made.variables = {**self.variables, **variables}
        made._types = {**self._types, **types} if types else self._types
        return made

    def wrap_types(self, wrap: Callable[[Mapping[str, Type]], Mapping[str, Type]]) -> "Engine":
        """The same environment with other named types on top of its own, such as mutation.MutationTypes."""
        made = copy(self)
        made._types = wrap(self._types)
        return made

    def compile(self, text: str) -> Program:
        """The program of an expression; raises CompileError or InstantiationError."""
        try:
            return self._compile(text)
        except RecursionError:
            raise CompileError(text, [Issue(0, "expression recursion limit exceeded")]) from None

    def _compile(self, text: str) -> Program:
        tree = parse(text, self._macros)
        check(text, tree, self.variables, self._functions, self._types)
        if self._version >= _VALIDATED:
            validate(text, tree)
        scope = Scope(compile_node, self._functions)
        code = compile_node(scope, tree)
        return Program(text, tree, code, scope, estimate(tree, self.variables))


def engine(
    variables: Mapping[str, Type] | None,
    libraries: Iterable[Library] | None,
    types: Mapping[str, Type] | None,
    version: Version,
    bindings: bool,
) -> Engine:
    """The engine of an environment."""
    return Engine(variables, KUBERNETES if libraries is None else libraries, types, version, bindings)
