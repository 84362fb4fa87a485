"""How a library says what it offers: functions with overloads, each with a signature, an implementation and versions.

A signature is text: `string.find(string) -> string` is a member, `size(list(A)) -> int` is not. Costs are not here:
costs.py has what a call cost, estimates.py what it may cost. Called by library/, the checker and the compiler.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sampan.machinery.cel.settings import Version
from sampan.machinery.cel.types import Type, parse_type

ALWAYS: Version = (1, 0)


@dataclass(frozen=True, eq=False)
class Overload:
    """One form of a function. `implementation` takes the target and the arguments as Python arguments."""

    function: str
    id: str
    member: bool
    parameters: tuple[Type, ...]
    result: Type
    implementation: Callable[..., Any]
    since: Version = ALWAYS
    until: Version | None = None

    @cached_property
    def type_parameters(self) -> tuple[str, ...]:
        """The names of its type parameters."""
        return tuple(sorted({name for type_ in (*self.parameters, self.result) for name in type_.unbound}))


@dataclass(frozen=True)
class Library:
    """A named set of overloads, and the names of types that it brings."""

    name: str
    overloads: tuple[Overload, ...]
    types: tuple[str, ...] = ()


def overload(
    signature: str,
    implementation: Callable[..., Any],
    id_: str = "",
    since: Version = ALWAYS,
    until: Version | None = None,
) -> Overload:
    """The overload that a signature's text declares."""
    head, _, result = signature.partition(" -> ")
    left, _, arguments = _split(head)
    target, _, name = left.rpartition(".") if _is_member(left) else ("", "", left)
    parameters = [parse_type(text) for text in ([target] if target else []) + _arguments(arguments)]
    return Overload(
        name, id_ or signature, bool(target), tuple(parameters), parse_type(result), implementation, since, until
    )


def _split(head: str) -> tuple[str, str, str]:
    """`list(A).join(string)` into `list(A).join` and `string`."""
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        depth += (head[at] == ")") - (head[at] == "(")
        if depth == 0:
            return head[:at], "(", head[at + 1 : -1]
    raise ValueError(head)


_NAMESPACES = ("optional", "sets", "cel", "ip", "format", "jsonpatch", "strings", "lists")


def _is_member(name: str) -> bool:
    prefix = name.rpartition(".")[0]
    return bool(prefix) and not name.startswith("_") and prefix not in _NAMESPACES


def _arguments(text: str) -> list[str]:
    found, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            found.append(text[start:at])
            start = at + 1
    return [part.strip() for part in [*found, text[start:]] if part.strip()]


def functions_of(libraries: Iterable[Library], version: Version) -> Mapping[str, tuple[Overload, ...]]:
    """Every function of some libraries that a version of Kubernetes has, in the order of declaration."""
    found: dict[str, list[Overload]] = {}
    for library in libraries:
        for one in library.overloads:
            if one.since <= version and (one.until is None or version < one.until):
                found.setdefault(one.function, []).append(one)
    return {name: tuple(overloads) for name, overloads in found.items()}
