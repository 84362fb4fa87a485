"""The syntax tree of an expression. The checker writes each node's type, and what names and calls mean, into it.

The parser and the macros make it, the checker fills it, the compiler and the estimate read it.
"""

from typing import Any

from sampan.machinery.cel.functions import Overload
from sampan.machinery.cel.types import DYN, Type


class Node:
    """A part of an expression: where it begins, and its type once checked."""

    __slots__ = ("offset", "type")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.type: Type = DYN


class Literal(Node):
    """A constant; `value` is the Python value, and a TypeValue where a name stands for a type."""

    __slots__ = ("value",)

    def __init__(self, offset: int, value: Any) -> None:
        super().__init__(offset)
        self.value = value


class Ident(Node):
    """A name; `constant` once the checker found that it stands for a type."""

    __slots__ = ("constant", "name")

    def __init__(self, offset: int, name: str) -> None:
        super().__init__(offset)
        self.name = name
        self.constant: Any = None


class Select(Node):
    """operand.field, or has(operand.field). `variable` once the checker found a declared name with dots."""

    __slots__ = ("constant", "field", "operand", "test", "variable")

    def __init__(self, offset: int, operand: Node, field: str, test: bool = False) -> None:
        super().__init__(offset)
        self.operand = operand
        self.field = field
        self.test = test
        self.variable = ""
        self.constant: Any = None


class Call(Node):
    """function(arguments) or target.function(arguments); operators are functions. `overloads` are what it may mean."""

    __slots__ = ("arguments", "function", "overloads", "target")

    def __init__(self, offset: int, function: str, arguments: list[Node], target: Node | None = None) -> None:
        super().__init__(offset)
        self.function = function
        self.arguments = arguments
        self.target = target
        self.overloads: tuple[Overload, ...] = ()

    @property
    def operands(self) -> list[Node]:
        """The target, if there is one, and the arguments."""
        return self.arguments if self.target is None else [self.target, *self.arguments]


class ListLiteral(Node):
    """[a, ?b]; `optional` are the indices of the elements with a question mark."""

    __slots__ = ("items", "optional")

    def __init__(self, offset: int, items: list[Node], optional: frozenset[int] = frozenset()) -> None:
        super().__init__(offset)
        self.items = items
        self.optional = optional


class Entry:
    """A key (of a map) or a field (of an object) with its value."""

    __slots__ = ("field", "key", "offset", "optional", "value")

    def __init__(self, offset: int, key: Node | None, field: str, value: Node, optional: bool) -> None:
        self.offset = offset
        self.key = key
        self.field = field
        self.value = value
        self.optional = optional


class MapLiteral(Node):
    """{key: value, ?key: optional}."""

    __slots__ = ("entries",)

    def __init__(self, offset: int, entries: list[Entry]) -> None:
        super().__init__(offset)
        self.entries = entries


class StructLiteral(Node):
    """Name{field: value}."""

    __slots__ = ("entries", "name")

    def __init__(self, offset: int, name: str, entries: list[Entry]) -> None:
        super().__init__(offset)
        self.name = name
        self.entries = entries


class Comprehension(Node):
    """A loop over `range`: `accumulator` begins as `initial` and becomes `step` while `condition` holds."""

    __slots__ = ("accumulator", "condition", "initial", "key", "macro", "range", "result", "step", "value")

    def __init__(
        self,
        offset: int,
        macro: str,
        range_: Node,
        variables: tuple[str, str],
        accumulator: str,
        initial: Node,
        condition: Node,
        step: Node,
        result: Node,
    ) -> None:
        super().__init__(offset)
        self.macro = macro
        self.range = range_
        self.key, self.value = variables  # the second is empty where the macro has one variable
        self.accumulator = accumulator
        self.initial = initial
        self.condition = condition
        self.step = step
        self.result = result


def children(node: Node) -> list[Node]:
    """The parts of a node."""
    if isinstance(node, Select):
        return [node.operand]
    if isinstance(node, Call):
        return node.operands
    if isinstance(node, ListLiteral):
        return node.items
    if isinstance(node, MapLiteral | StructLiteral):
        return [part for entry in node.entries for part in (entry.key, entry.value) if part is not None]
    if isinstance(node, Comprehension):
        return [node.range, node.initial, node.condition, node.step, node.result]
    return []
