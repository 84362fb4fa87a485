"""What is refused in an expression that checks: bad constants for time and patterns, literals of mixed types, formats.

Upstream: cel-go cel/validator.go (as of Kubernetes 1.29), ext/formatting.go.
"""

from collections.abc import Callable, Iterator, Mapping

from sampan.machinery.cel.errors import CompileError, EvaluationError, Issue
from sampan.machinery.cel.library.formatting import format_issue
from sampan.machinery.cel.library.moments import parse_duration, parse_timestamp
from sampan.machinery.cel.library.patterns import compile_pattern
from sampan.machinery.cel.syntax import Call, ListLiteral, Literal, MapLiteral, Node, children

_CONSTANTS: Mapping[str, Callable[[str], object]] = {
    "duration": parse_duration,
    "timestamp": parse_timestamp,
    "matches": compile_pattern,
}


def validate(source: str, tree: Node) -> None:
    """Raises CompileError with all that is refused."""
    issues = list(_issues(tree, False))
    if issues:
        raise CompileError(source, issues)


def _issues(node: Node, exempt: bool) -> Iterator[Issue]:
    if isinstance(node, Call):
        yield from _constant_argument(node)
        if node.function == "format" and node.target is not None:
            exempt = True
            yield from _format(node)
    elif not exempt and isinstance(node, ListLiteral):
        yield from _mixed_list(node)
    elif not exempt and isinstance(node, MapLiteral):
        yield from _mixed_map(node)
    for child in children(node):
        yield from _issues(child, exempt)


def _constant_argument(node: Call) -> Iterator[Issue]:
    argument = node.operands[-1] if node.operands else None
    check = _CONSTANTS.get(node.function)
    if check is None or not isinstance(argument, Literal) or not isinstance(argument.value, str):
        return
    try:
        check(argument.value)
    except EvaluationError:
        yield Issue(argument.offset, f"invalid {node.function} argument")


def _format(node: Call) -> Iterator[Issue]:
    template, arguments = node.target, node.arguments[0]
    if not isinstance(template, Literal) or not isinstance(arguments, ListLiteral):
        return
    found = format_issue(template.value, [item.type for item in arguments.items])
    if found is not None:
        message, index = found
        yield Issue(arguments.items[index].offset if index >= 0 else node.offset, message)


def _mixed_list(node: ListLiteral) -> Iterator[Issue]:
    types = [
        item.type.parameters[0] if index in node.optional and item.type.parameters else item.type
        for index, item in enumerate(node.items)
    ]
    for item, type_ in zip(node.items, types, strict=True):
        if type_ != types[0]:
            yield Issue(item.offset, f"expected type '{types[0]}' but found '{type_}'")
            return


def _mixed_map(node: MapLiteral) -> Iterator[Issue]:
    expected: list[object] = []
    for entry in node.entries:
        assert entry.key is not None
        value = entry.value.type
        found = [entry.key.type, value.parameters[0] if entry.optional and value.parameters else value]
        expected = expected or list(found)
        for part, wanted, given in zip((entry.key, entry.value), expected, found, strict=True):
            if wanted != given:
                yield Issue(part.offset, f"expected type '{wanted}' but found '{given}'")
