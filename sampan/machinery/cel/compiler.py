"""A checked tree into closures: the dispatch, and the simplest nodes. The rest is in access, logic, calls and loops.

Called by environment.py. Upstream: cel-go interpreter/planner.go, and interpreter/decorators.go for what is constant.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.machinery.cel import access, calls, logic, loops
from sampan.machinery.cel.code import Code, Frame, Run, Scope, constant
from sampan.machinery.cel.errors import EvaluationError, InstantiationError, no_such_overload
from sampan.machinery.cel.syntax import (
    Call,
    Comprehension,
    Entry,
    Ident,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    Select,
    StructLiteral,
)
from sampan.machinery.cel.values import NONE, Optional, UInt

_LIST_COST, _MAP_COST, _STRUCT_COST = 10, 30, 40
_KEYS = frozenset((str, int, UInt, bool))


def compile_node(scope: Scope, node: Node) -> Code:
    """The code of a node."""
    return _COMPILERS[type(node)](scope, node)


def _literal(scope: Scope, node: Literal) -> Code:
    return constant(node.value)


def _ident(scope: Scope, node: Ident) -> Code:
    if node.constant is not None:
        return constant(node.constant)
    return access.variable(scope, node.name)


def _list(scope: Scope, node: ListLiteral) -> Code:
    codes = [scope.code(item) for item in node.items]
    runs = tuple(code.run for code in codes)
    if not node.optional and all(code.known for code in codes):
        return constant([code.value for code in codes])
    cost = _LIST_COST + sum(code.cost for code in codes)
    if not node.optional:
        return Code(lambda frame: [run(frame) for run in runs], cost)
    return Code(_optional_items(runs, node.optional), cost)


def _optional_items(runs: tuple[Callable[[Frame], Any], ...], optional: frozenset[int]) -> Callable[[Frame], Any]:
    def run(frame: Frame) -> list[Any]:
        found = []
        for index, item in enumerate(runs):
            value = item(frame)
            if index in optional:
                if _absent(value):
                    continue
                value = value.value
            found.append(value)
        return found

    return run


def _absent(value: Any) -> bool:
    if type(value) is not Optional:
        raise no_such_overload()
    return value is NONE


def _map(scope: Scope, node: MapLiteral) -> Code:
    keys = [scope.code(entry.key) for entry in node.entries if entry.key is not None]
    values = [scope.code(entry.value) for entry in node.entries]
    parts = tuple(
        (key.run, value.run, entry.optional) for key, value, entry in zip(keys, values, node.entries, strict=True)
    )

    def run(frame: Frame) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value, optional in parts:
            name, item = key(frame), value(frame)
            if optional:
                if _absent(item):
                    continue
                item = item.value
            if type(name) not in _KEYS:
                raise EvaluationError(f"unsupported key type: {name}")
            found[name] = item
        return found

    if all(code.known for code in (*keys, *values)):
        return _constant_map(run)
    return Code(run, _MAP_COST + sum(code.cost for code in (*keys, *values)))


def _constant_map(run: Run) -> Code:
    """A map of constants is made once; if it cannot be made, that is known before it runs."""
    try:
        return constant(run([]))
    except EvaluationError as error:
        raise InstantiationError(str(error)) from None


class Constructed(dict[str, Any]):
    """An object made by an expression, `Object.spec{...}`: JSON that remembers its type's name."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        super().__init__()
        self.type_name = type_name


def _struct(scope: Scope, node: StructLiteral) -> Code:
    codes = [scope.code(entry.value) for entry in node.entries]
    parts = tuple(
        (_key(node, entry), code.run, entry.optional) for entry, code in zip(node.entries, codes, strict=True)
    )
    name = node.type.name

    def run(frame: Frame) -> Constructed:
        made = Constructed(name)
        for key, value, optional in parts:
            item = value(frame)
            if not optional:
                made[key] = item
            elif not _absent(item):
                made[key] = item.value
        return made

    return Code(run, _STRUCT_COST + sum(code.cost for code in codes))


def _key(node: StructLiteral, entry: Entry) -> str:
    declaration = node.type.declaration
    field = declaration.named(entry.field) if declaration else None
    return field.key if field else entry.field


_COMPILERS: Mapping[type, Callable[[Scope, Any], Code]] = {
    Literal: _literal,
    Ident: _ident,
    Select: access.select,
    Call: calls.call,
    ListLiteral: _list,
    MapLiteral: _map,
    StructLiteral: _struct,
    Comprehension: loops.comprehension,
}
calls.SPECIAL.update(logic.SPECIAL)
