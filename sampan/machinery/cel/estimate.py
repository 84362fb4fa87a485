"""What an expression may cost at most and at least, from the sizes that its variables' types allow.

A part's path from a variable leads to its declaration, and that to its greatest size; upstream's rules are followed to
the letter, since a rule above the limit is refused. Upstream: cel-go checker/cost.go. Called by environment.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sampan.machinery.cel.code import scalar
from sampan.machinery.cel.estimates import Operand, estimate_call
from sampan.machinery.cel.sizes import GREATEST, NOTHING, ONE, UNKNOWN, Range, exactly
from sampan.machinery.cel.syntax import (
    Call,
    Comprehension,
    Ident,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    Select,
    StructLiteral,
)
from sampan.machinery.cel.types import Declaration, Type

_LIST, _MAP, _STRUCT = exactly(10), exactly(30), exactly(40)
_SELECTABLE = frozenset(("map", "struct", "param"))


@dataclass(frozen=True, slots=True)
class _Path:
    """Where a part lies below a variable: nowhere, or at a declaration (None where the path cannot be followed)."""

    known: bool
    declaration: Declaration | None = None


@dataclass(frozen=True, slots=True)
class _Entries:
    """The sizes of the keys and values of a container, of kind list or map."""

    kind: str
    key: Range
    value: Range


@dataclass(frozen=True, slots=True)
class _Local:
    """What is known of a loop's or a binding's variable."""

    path: _Path
    size: Range | None
    entries: _Entries | None = None


_NOWHERE = _Path(False)


def estimate(tree: Node, variables: Mapping[str, Type]) -> Range:
    """The cost of a checked expression. Sizes are known of `self`, or of `device`, where there is one."""
    own = variables.get("self") or variables.get("device")
    return _Estimator(own.declaration if own else None).cost(tree)


class _Estimator:
    def __init__(self, root: Declaration | None) -> None:
        self._root = root
        self._paths: dict[int, _Path] = {}
        self._sizes: dict[int, Range] = {}
        self._entries: dict[int, _Entries] = {}
        self._locals: dict[str, list[_Local]] = {}

    def cost(self, node: Node) -> Range:
        return _COSTS[type(node)](self, node)

    # What is known of a part

    def _path(self, node: Node) -> _Path:
        local = self._local(node)
        return local.path if local else self._paths.get(id(node), _NOWHERE)

    def _local(self, node: Node) -> _Local | None:
        stack = self._locals.get(node.name) if isinstance(node, Ident) else None
        return stack[-1] if stack else None

    def _below(self, path: _Path, step: str) -> _Path:
        """One step down. A path that begins in the middle is taken for the root's, as upstream takes it."""
        if not path.known:
            return _Path(True, self._root)
        found = path.declaration
        if found is None:
            return path
        if step in ("@items", "@values"):
            return _Path(True, found.item)
        if step == "@keys":
            return _Path(True, found.key)
        field = found.fields.get(step)
        if field is None and found.any_key:
            return _Path(True, found.item)
        return _Path(True, field.declaration if field else None)

    def _size(self, node: Node) -> Range | None:
        if id(node) in self._sizes:
            return self._sizes[id(node)]
        literal = _literal_size(node)
        if literal is not None:
            return literal
        declaration = self._path(node).declaration
        if declaration is not None:
            found = self._sizes[id(node)] = Range(0, declaration.most)
            return found
        if scalar(node.type) or (node.type.optional and scalar(node.type.parameters[0])):
            return ONE
        local = self._local(node)
        return local.size if local else None

    def _size_or_unknown(self, node: Node) -> Range:
        return self._size(node) or UNKNOWN

    def _entries_of(self, node: Node) -> _Entries | None:
        found = self._entries.get(id(node))
        local = self._local(node)
        return found or (local.entries if local else None)

    def _copy(self, node: Node, source: Node) -> None:
        size, entries = self._size(source), self._entries_of(source)
        if size is not None:
            self._sizes[id(node)] = size
        if entries is not None:
            self._entries[id(node)] = entries

    # Names, fields and literals

    def literal(self, node: Literal) -> Range:
        return NOTHING

    def ident(self, node: Ident) -> Range:
        local = self._local(node)
        # Upstream takes every name that is no loop's for the root's, even one of a type.
        self._paths[id(node)] = local.path if local else _Path(True, self._root)
        return ONE

    def select(self, node: Select) -> Range:
        if node.variable or node.constant is not None:
            return ONE
        cost = self.cost(node.operand)
        if node.test:
            return cost
        if node.operand.type.kind in _SELECTABLE:
            cost = cost + ONE
        self._paths[id(node)] = self._below(self._path(node.operand), node.field)
        return cost

    def list_literal(self, node: ListLiteral) -> Range:
        cost = self._all(node.items) + _LIST
        self._entries[id(node)] = _Entries("list", ONE, self._joined(node.items))
        return cost

    def map_literal(self, node: MapLiteral) -> Range:
        keys = [entry.key for entry in node.entries if entry.key is not None]
        values = [entry.value for entry in node.entries]
        cost = self._all([*keys, *values]) + _MAP
        self._entries[id(node)] = _Entries("map", self._joined(keys), self._joined(values))
        return cost

    def struct(self, node: StructLiteral) -> Range:
        return self._all([entry.value for entry in node.entries]) + _STRUCT

    def _all(self, nodes: list[Node]) -> Range:
        total = NOTHING
        for node in nodes:
            total = total + self.cost(node)
        return total

    def _joined(self, nodes: list[Node]) -> Range:
        size = Range(GREATEST if nodes else 0, 0)
        for node in nodes:
            size = size | self._size_or_unknown(node)
        return size

    # Calls

    def call(self, node: Call) -> Range:
        if node.function == "dyn":
            cost = self.cost(node.arguments[0]) + ONE
            self._copy(node, node.arguments[0])
            return cost
        costs = [self.cost(argument) for argument in node.arguments]
        if node.function in ("_&&_", "_||_"):
            return Range(costs[0].least, sum(costs, NOTHING).most)
        if node.function == "_?_:_":
            return self._conditional(node, costs)
        total = sum(costs, self.cost(node.target) if node.target is not None else NOTHING)
        return total + self._overloads(node)

    def _conditional(self, node: Call, costs: list[Range]) -> Range:
        _, yes, no = node.arguments
        entries = _union(self._entries_of(yes), self._entries_of(no))
        if entries is not None:
            self._entries[id(node)] = entries
        self._sizes[id(node)] = self._size_or_unknown(yes) | self._size_or_unknown(no)
        return costs[0] + (costs[1] | costs[2])

    def _overloads(self, node: Call) -> Range:
        """The range that covers every overload that a call may turn out to be."""
        operands = [Operand(each, self._size_or_unknown(each), self._item(each)) for each in node.operands]
        cost: Range | None = None
        size: Range | None = None
        for overload in node.overloads:
            found = estimate_call(node.function, overload.id, operands)
            cost = found.cost if cost is None else cost | found.cost
            if found.size is not None:
                size = found.size if size is None else size | found.size
            if overload.id in ("add_string", "add_bytes", "add_list"):
                self._concatenated(node)
            if overload.id in ("index_list", "index_map"):
                size = self._indexed(node, overload.id)
            size = size if size is not None else self._size(node)
        if size is not None:
            self._sizes[id(node)] = size
        return cost or NOTHING

    def _item(self, node: Node) -> Range:
        """The size of the items of a list, as its path says."""
        if node.type.kind != "list":
            return UNKNOWN
        declaration = self._below(self._path(node), "@items").declaration if self._path(node).known else None
        return Range(0, declaration.most) if declaration is not None else UNKNOWN

    def _concatenated(self, node: Call) -> None:
        entries = _union(self._entries_of(node.arguments[0]), self._entries_of(node.arguments[1]))
        if entries is not None:
            self._entries[id(node)] = entries

    def _indexed(self, node: Call, overload: str) -> Range | None:
        operand = node.arguments[0]
        step = "@items" if overload == "index_list" else "@values"
        self._paths[id(node)] = self._below(self._path(operand), step)
        entries = self._entries_of(operand)
        return entries.value if entries else None

    # Loops

    def comprehension(self, node: Comprehension) -> Range:
        if node.macro == "bind":
            return self._bind(node)
        cost = self.cost(node.range) + self.cost(node.initial)
        self._push(node.accumulator, self._bound(node.initial))
        self._enter(node)
        turn = self.cost(node.condition) + self.cost(node.step)
        for name in (node.key, node.value):
            if name:
                self._locals[name].pop()
        cost = cost + self.cost(node.result)
        self._locals[node.accumulator].pop()
        turns = self._size_or_unknown(node.range)
        self._result(node, turns)
        return cost + turns * turn

    def _result(self, node: Comprehension, turns: Range) -> None:
        if isinstance(node.initial, Literal):
            self._sizes[id(node)] = self._size_or_unknown(node.initial)
            return
        self._sizes[id(node)] = turns
        entries = self._entries_of(node.step)
        if entries is not None:
            self._entries[id(node)] = entries

    def _enter(self, node: Comprehension) -> None:
        """Declare the variables of a loop."""
        entries, path = self._entries_of(node.range), self._path(node.range)
        kind = entries.kind if entries else node.range.type.kind
        items = kind == "list"
        value = _Local(self._below(path, "@items" if items else "@values"), entries.value if entries else None)
        key = _Local(self._below(path, "@indices" if items else "@keys"), entries.key if entries else None)
        if node.value:
            self._push(node.key, key)
            self._push(node.value, value)
        else:
            self._push(node.key, value if items else key)

    def _bound(self, node: Node) -> _Local:
        return _Local(self._path(node), self._size(node), self._entries_of(node))

    def _push(self, name: str, local: _Local) -> None:
        self._locals.setdefault(name, []).append(local)

    def _bind(self, node: Comprehension) -> Range:
        cost = self.cost(node.range) + self.cost(node.initial)
        self._push(node.accumulator, self._bound(node.initial))
        cost = cost + self.cost(node.result)
        self._locals[node.accumulator].pop()
        self._copy(node, node.result)
        return cost


def _union(left: _Entries | None, right: _Entries | None) -> _Entries | None:
    if left is None or right is None:
        return None
    return _Entries(left.kind, left.key | right.key, left.value | right.value)


def _literal_size(node: Node) -> Range | None:
    if isinstance(node, Literal):
        value = node.value
        return exactly(len(value)) if isinstance(value, (str, bytes)) else ONE
    if isinstance(node, ListLiteral):
        return exactly(len(node.items))
    return exactly(len(node.entries)) if isinstance(node, MapLiteral) else None


_COSTS: Mapping[type, Callable[[_Estimator, Any], Range]] = {
    Literal: _Estimator.literal,
    Ident: _Estimator.ident,
    Select: _Estimator.select,
    Call: _Estimator.call,
    ListLiteral: _Estimator.list_literal,
    MapLiteral: _Estimator.map_literal,
    StructLiteral: _Estimator.struct,
    Comprehension: _Estimator.comprehension,
}
