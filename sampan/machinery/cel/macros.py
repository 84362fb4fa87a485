"""Calls that are rewritten while parsing: has, all, exists, map, filter, those with two variables, and of optionals.

A loop becomes a Comprehension as upstream expands it, so that types, costs and errors come out the same; its `macro`
tells the compiler which loop it is. Upstream: cel-go parser/macro.go, ext/comprehensions.go, cel/library.go (optMap).
"""

from collections.abc import Callable, Mapping

from sampan.machinery.cel.settings import Version
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
    children,
)

ACCUMULATOR = "@result"
UNUSED = "#unused"
_LARGEST_COPY = 2000  # nodes: optMap has its target twice, so that a chain of them doubles with each
Expander = Callable[[int, Node | None, list[Node]], Node | None]
Macros = Mapping[tuple[str, int, bool], Expander]  # by name, number of arguments, and whether it has a target


class MacroError(Exception):
    """A macro with arguments of the wrong form; str() is what to report at `offset`."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


def _variable(node: Node, otherwise: str) -> str:
    if not isinstance(node, Ident) or node.name.startswith("."):
        raise MacroError(node.offset, otherwise)
    if node.name in (ACCUMULATOR, "__result__"):
        raise MacroError(node.offset, "iteration variable overwrites accumulator variable")
    return node.name


def _two_variables(first: Node, second: Node) -> tuple[str, str]:
    names = _variable(first, "argument must be a simple name"), _variable(second, "argument must be a simple name")
    if names[0] == names[1]:
        raise MacroError(second.offset, f"duplicate variable name: {names[0]}")
    return names


def _has(offset: int, target: Node | None, arguments: list[Node]) -> Node:
    (argument,) = arguments
    if not isinstance(argument, Select) or argument.test:
        raise MacroError(argument.offset, "invalid argument to has() macro")
    return Select(offset, argument.operand, argument.field, test=True)


def _quantifier(macro: str, two: bool) -> Expander:
    def expand(offset: int, target: Node | None, arguments: list[Node]) -> Node:
        variables = _two_variables(*arguments[:2]) if two else (_one(arguments[0]), "")
        return _QUANTIFIERS[macro](offset, target or Literal(offset, None), variables, arguments[-1])

    return expand


def _one(node: Node) -> str:
    return _variable(node, "argument must be a simple name")


def _accumulator(offset: int) -> Ident:
    return Ident(offset, ACCUMULATOR)


def _all(at: int, target: Node, variables: tuple[str, str], test: Node) -> Node:
    condition = Call(at, "@not_strictly_false", [_accumulator(at)])
    step = Call(at, "_&&_", [_accumulator(at), test])
    return Comprehension(
        at, "all", target, variables, ACCUMULATOR, Literal(at, True), condition, step, _accumulator(at)
    )


def _exists(at: int, target: Node, variables: tuple[str, str], test: Node) -> Node:
    condition = Call(at, "@not_strictly_false", [Call(at, "!_", [_accumulator(at)])])
    step = Call(at, "_||_", [_accumulator(at), test])
    return Comprehension(
        at, "exists", target, variables, ACCUMULATOR, Literal(at, False), condition, step, _accumulator(at)
    )


def _exists_one(at: int, target: Node, variables: tuple[str, str], test: Node) -> Node:
    counted = Call(at, "_+_", [_accumulator(at), Literal(at, 1)])
    step = Call(at, "_?_:_", [test, counted, _accumulator(at)])
    result = Call(at, "_==_", [_accumulator(at), Literal(at, 1)])
    return Comprehension(
        at, "exists_one", target, variables, ACCUMULATOR, Literal(at, 0), Literal(at, True), step, result
    )


_QUANTIFIERS = {"all": _all, "exists": _exists, "exists_one": _exists_one}


def _collect(
    at: int, macro: str, target: Node | None, variables: tuple[str, str], initial: Node, step: Node, test: Node | None
) -> Node:
    """A loop that adds to a list or map, where the test holds."""
    if test is not None:
        step = Call(at, "_?_:_", [test, step, _accumulator(at)])
    range_ = target or Literal(at, None)
    return Comprehension(at, macro, range_, variables, ACCUMULATOR, initial, Literal(at, True), step, _accumulator(at))


def _appended(at: int, item: Node) -> Node:
    return Call(at, "_+_", [_accumulator(at), ListLiteral(at, [item])])


def _map(offset: int, target: Node | None, arguments: list[Node]) -> Node:
    variable = _variable(arguments[0], "argument is not an identifier")
    test = arguments[1] if len(arguments) == 3 else None
    step = _appended(offset, arguments[-1])
    return _collect(offset, "map", target, (variable, ""), ListLiteral(offset, []), step, test)


def _filter(offset: int, target: Node | None, arguments: list[Node]) -> Node:
    variable = _variable(arguments[0], "argument is not an identifier")
    step = _appended(offset, arguments[0])
    return _collect(offset, "map", target, (variable, ""), ListLiteral(offset, []), step, arguments[1])


def _transform_list(offset: int, target: Node | None, arguments: list[Node]) -> Node:
    variables = _two_variables(*arguments[:2])
    test = arguments[2] if len(arguments) == 4 else None
    step = _appended(offset, arguments[-1])
    return _collect(offset, "map", target, variables, ListLiteral(offset, []), step, test)


def _transform_map(offset: int, target: Node | None, arguments: list[Node]) -> Node:
    variables = _two_variables(*arguments[:2])
    test = arguments[2] if len(arguments) == 4 else None
    step = Call(offset, "cel.@mapInsert", [_accumulator(offset), Ident(offset, variables[0]), arguments[-1]])
    return _collect(offset, "insert", target, variables, MapLiteral(offset, []), step, test)


def _transform_map_entry(offset: int, target: Node | None, arguments: list[Node]) -> Node:
    variables = _two_variables(*arguments[:2])
    test = arguments[2] if len(arguments) == 4 else None
    step = Call(offset, "cel.@mapInsert", [_accumulator(offset), arguments[-1]])
    return _collect(offset, "insert", target, variables, MapLiteral(offset, []), step, test)


def _bound(at: int, name: str, value: Node, result: Node) -> Node:
    """`name` is `value` in `result`: a loop over nothing, as upstream has it."""
    return Comprehension(
        at, "bind", ListLiteral(at, []), (UNUSED, ""), name, value, Literal(at, False), Ident(at, name), result
    )


def _bind(offset: int, target: Node | None, arguments: list[Node]) -> Node | None:
    """cel.bind(name, value, result)."""
    if not isinstance(target, Ident) or target.name != "cel":
        return None
    if not isinstance(arguments[0], Ident):
        raise MacroError(arguments[0].offset, "cel.bind() variable names must be simple identifiers")
    return _bound(offset, arguments[0].name, arguments[1], arguments[2])


def _expanded_size(node: Node, known: dict[int, int]) -> int:
    """The number of nodes, those that stand in several places counted for each."""
    if id(node) not in known:
        known[id(node)] = 1 + sum(_expanded_size(child, known) for child in children(node))
    return known[id(node)]


def _optional_map(flat: bool) -> Expander:
    macro = "optFlatMap" if flat else "optMap"

    def expand(offset: int, target: Node | None, arguments: list[Node]) -> Node:
        if not isinstance(arguments[0], Ident):
            raise MacroError(arguments[0].offset, f"{macro}() variable name must be a simple identifier")
        if target is not None and _expanded_size(target, {}) > _LARGEST_COPY:
            raise MacroError(offset, "expression recursion limit exceeded")
        mapped = _bound(offset, arguments[0].name, Call(offset, "value", [], target), arguments[1])
        given = mapped if flat else Call(offset, "optional.of", [mapped])
        return Call(offset, "_?_:_", [Call(offset, "hasValue", [], target), given, Call(offset, "optional.none", [])])

    return expand


def _sort_by(offset: int, target: Node | None, arguments: list[Node]) -> Node:
    if target is None or isinstance(target, Literal | MapLiteral | StructLiteral):
        message = "sortBy can only be applied to a list, identifier, comprehension, call or select expression"
        raise MacroError(target.offset if target else offset, message)
    values = Ident(offset, "@__sortBy_input__")
    keys = _map(offset, values, arguments)
    return _bound(offset, values.name, target, Call(offset, "@sortByAssociatedKeys", [keys], values))


STANDARD: Macros = {
    ("has", 1, False): _has,
    ("all", 2, True): _quantifier("all", False),
    ("exists", 2, True): _quantifier("exists", False),
    ("exists_one", 2, True): _quantifier("exists_one", False),
    ("map", 2, True): _map,
    ("map", 3, True): _map,
    ("filter", 2, True): _filter,
}
OPTIONAL: Macros = {("optMap", 2, True): _optional_map(False), ("optFlatMap", 2, True): _optional_map(True)}
BINDINGS: Macros = {("bind", 3, True): _bind}
LISTS: Macros = {("sortBy", 2, True): _sort_by}
TWO_VARIABLES: Macros = {
    ("all", 3, True): _quantifier("all", True),
    ("exists", 3, True): _quantifier("exists", True),
    ("exists_one", 3, True): _quantifier("exists_one", True),
    ("existsOne", 3, True): _quantifier("exists_one", True),
    ("transformList", 3, True): _transform_list,
    ("transformList", 4, True): _transform_list,
    ("transformMap", 3, True): _transform_map,
    ("transformMap", 4, True): _transform_map,
    ("transformMapEntry", 3, True): _transform_map_entry,
    ("transformMapEntry", 4, True): _transform_map_entry,
}
_SINCE: tuple[tuple[Version, Macros], ...] = (
    ((1, 0), STANDARD),
    ((1, 28), OPTIONAL),
    ((1, 32), TWO_VARIABLES),
    ((1, 34), LISTS),
)


def known(version: Version, bindings: bool = False) -> Macros:
    """The macros that a version of Kubernetes has; cel.bind only where it is asked for, as for selectors of devices."""
    found = {name: expand for since, some in _SINCE if since <= version for name, expand in some.items()}
    return {**found, **BINDINGS} if bindings else found
