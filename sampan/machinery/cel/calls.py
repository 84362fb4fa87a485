"""Code for calls: the operands, then the overload for their values' types, then what it cost.

Which overload it is, is looked up by the types of the values at run time, once per combination of types.
Upstream: cel-go interpreter/interpretable.go (evalUnary, evalBinary, evalVarArgs), decorators.go (constant folding).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sampan.machinery.cel.code import COST, LIMIT, Code, Frame, Run, Scope, constant, scalar
from sampan.machinery.cel.costs import Cost, cost_of
from sampan.machinery.cel.equality import concatenation, equality, membership
from sampan.machinery.cel.errors import BudgetExceeded, EvaluationError, InstantiationError, no_such_overload
from sampan.machinery.cel.functions import Overload
from sampan.machinery.cel.library.patterns import compile_pattern
from sampan.machinery.cel.syntax import Call
from sampan.machinery.cel.types import Type
from sampan.machinery.cel.values import Duration, Extension, Optional, Timestamp, TypeValue, UInt, type_name
from sampan.machinery.cel.work import is_metered, metered
from sampan.machinery.structural.patterns import Pattern

SPECIAL: dict[str, Callable[[Scope, Call], Code]] = {}
_CLASSES: Mapping[str, type] = {
    "bool": bool,
    "int": int,
    "uint": UInt,
    "double": float,
    "string": str,
    "bytes": bytes,
    "null": type(None),
    "timestamp": Timestamp,
    "duration": Duration,
    "type": TypeValue,
}
_HASHED = frozenset((str, int, UInt, float, bool))
_TERSE = frozenset(("startsWith", "endsWith", "contains", "matches"))
_CONVERSIONS = frozenset(("bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"))


def call(scope: Scope, node: Call) -> Code:
    """The code of a call."""
    if node.function in SPECIAL:
        return SPECIAL[node.function](scope, node)
    codes = [scope.code(operand) for operand in node.operands]
    fixed = sum(code.cost for code in codes)
    cost = _cost(node)
    runs = [code.run for code in codes]
    if folded := _folded(scope, node, codes):
        return folded
    pattern = _constant_pattern(node, codes)
    dispatch = _Dispatch(node.function, _candidates(scope, node))
    if is_metered(node.function, [operand.type for operand in node.operands]):
        run = metered(node.function, _overload_call(node, dispatch), runs, cost)
        return Code(run, fixed + cost if isinstance(cost, int) else fixed)
    if isinstance(cost, int):
        return Code(_specialized(node, runs) or _invoke(dispatch, runs), fixed + cost)
    return Code(_costed(_matcher(pattern) if pattern else _overload_call(node, dispatch), runs, cost), fixed)


def _candidates(scope: Scope, node: Call) -> Sequence[Overload]:
    """What the checker found possible, then what values of other types than declared may ask for."""
    member, arity = node.target is not None, len(node.operands)
    every = scope.functions[node.function]
    others = [o for o in every if o.member == member and len(o.parameters) == arity and o not in node.overloads]
    return [*node.overloads, *others]


def _cost(node: Call) -> Cost:
    cost = cost_of(node.function, [overload.id for overload in node.overloads])
    if node.function in ("_==_", "_!=_") and any(scalar(operand.type) for operand in node.operands):
        return 1
    return cost


def _folded(scope: Scope, node: Call, codes: Sequence[Code]) -> Code | None:
    """A conversion of a constant is done once, before anything runs; `in` a constant list costs nothing."""
    if node.function == "@in" and codes[1].known and isinstance(codes[1].value, list):
        return _in_constant(node, codes[0], codes[1].value)
    if node.function not in _CONVERSIONS or not codes[0].known or node.target is not None:
        return None
    dispatch = _Dispatch(node.function, _candidates(scope, node))
    try:
        return constant(dispatch.call(codes[0].value))
    except EvaluationError as error:
        raise InstantiationError(str(error)) from None


def _in_constant(node: Call, item: Code, values: list[Any]) -> Code | None:
    if not values:
        return constant(False)
    if any(type(value) not in _HASHED for value in values):
        return None
    made, first = _overload_call(node, None), item.run
    return Code(lambda frame: made(first(frame), values), item.cost)


def _constant_pattern(node: Call, codes: Sequence[Code]) -> Pattern | None:
    """A constant pattern is compiled beforehand; gives that of matches()."""
    if node.function not in ("find", "findAll", "matches") or not codes[1].known or not isinstance(codes[1].value, str):
        return None
    try:
        pattern = compile_pattern(codes[1].value)
    except EvaluationError as error:
        raise InstantiationError(str(error)) from None
    return pattern if node.function == "matches" else None


def _matcher(pattern: Pattern) -> Callable[..., Any]:
    def match(text: Any, _: Any) -> bool:
        if type(text) is not str:
            raise no_such_overload()
        return pattern.found_in(text)

    return match


class _Dispatch:
    """From the types of values to the implementation for them."""

    def __init__(self, function: str, candidates: Sequence[Overload]) -> None:
        self._function = function
        self._candidates = candidates
        self.table: dict[Any, Callable[..., Any]] = {}

    def find(self, values: Sequence[Any]) -> Callable[..., Any]:
        for overload in self._candidates:
            if all(_fits(value, parameter) for value, parameter in zip(values, overload.parameters, strict=True)):
                self.table[tuple(type(value) for value in values)] = overload.implementation
                return overload.implementation
        raise self._refusal(values)

    def _refusal(self, values: Sequence[Any]) -> EvaluationError:
        """Operators and the standard's tests say less than other functions do."""
        if self._function in _TERSE or self._function in ("-_", "!_"):
            return no_such_overload()
        if self._function[0] == "_" or self._function == "size":
            known = any(_fits(values[0], overload.parameters[0]) for overload in self._candidates)
            return no_such_overload() if known else EvaluationError(f"no such overload: {self._function}")
        return EvaluationError(f"no such overload: {self._function}({', '.join(map(type_name, values))})")

    def call(self, *values: Any) -> Any:
        found = self.table.get(tuple(map(type, values))) or self.find(values)
        return found(*values)


def _fits(value: Any, parameter: Type) -> bool:
    kind = parameter.kind
    if kind in ("dyn", "param"):
        return True
    if kind in _CLASSES:
        return type(value) is _CLASSES[kind]
    if kind == "list":
        return isinstance(value, list)
    if kind == "map":
        return isinstance(value, dict)
    if parameter.optional:
        return type(value) is Optional
    return isinstance(value, Extension) and value.name == parameter.name


def _invoke(dispatch: _Dispatch, runs: Sequence[Run]) -> Run:
    table, find = dispatch.table, dispatch.find
    if len(runs) == 1:
        only = runs[0]

        def one(frame: Frame) -> Any:
            value = only(frame)
            return (table.get((type(value),)) or find((value,)))(value)

        return one
    if len(runs) == 2:
        first, second = runs

        def two(frame: Frame) -> Any:
            left, right = first(frame), second(frame)
            return (table.get((type(left), type(right))) or find((left, right)))(left, right)

        return two

    def many(frame: Frame) -> Any:
        return dispatch.call(*[run(frame) for run in runs])

    return many


def _specialized(node: Call, runs: Sequence[Run]) -> Run | None:
    """Equality and membership, which take any values."""
    made = _overload_call(node, None)
    if made is None:
        return None
    first, second = runs
    return lambda frame: made(first(frame), second(frame))


def _overload_call(node: Call, dispatch: _Dispatch | None) -> Callable[..., Any]:
    types = [operand.type for operand in node.operands]
    if node.function in ("_==_", "_!=_"):
        return equality(types[0], types[1], node.function == "_!=_")
    if node.function == "@in":
        return membership(types[0], types[1])
    if node.function == "_+_" and (joined := concatenation(types[0])):
        return joined
    return dispatch.call if dispatch else None  # type: ignore[return-value]


def _costed(function: Callable[..., Any], runs: Sequence[Run], cost: Callable[..., int]) -> Run:
    if len(runs) == 2:
        return _costed_binary(function, runs[0], runs[1], cost)

    def run(frame: Frame) -> Any:
        values = [each(frame) for each in runs]
        result = function(*values)
        frame[COST] += cost(values, result)
        if frame[COST] > frame[LIMIT]:
            raise BudgetExceeded(frame[COST])
        return result

    return run


def _costed_binary(function: Callable[..., Any], first: Run, second: Run, cost: Callable[..., int]) -> Run:
    def run(frame: Frame) -> Any:
        values = first(frame), second(frame)
        result = function(*values)
        total = frame[COST] = frame[COST] + cost(values, result)
        if total > frame[LIMIT]:
            raise BudgetExceeded(total)
        return result

    return run
