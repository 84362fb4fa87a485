"""CEL's types as the checker sees them, how they are written, and the little language in which functions are declared.

A type may carry a Declaration that says more than CEL's own types can: an object's fields, a list's kind of equality,
greatest sizes. It takes no part in equality of types, and is made by structural_types.py and field_types.py.
Upstream: cel-go common/types/types.go; apiserver pkg/cel/types.go (DeclType).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sampan.machinery.cel.lexer import RESERVED

Reader = Callable[[Any], Any]


@dataclass(frozen=True)
class Type:
    """A type: its kind, its name, and its parameters."""

    kind: str  # bool int uint double string bytes null timestamp duration dyn error type list map struct opaque param
    name: str
    parameters: tuple["Type", ...] = ()
    declaration: "Declaration | None" = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}({', '.join(map(str, self.parameters))})"

    @cached_property
    def open(self) -> bool:
        """It has a type parameter in it."""
        return self.kind == "param" or any(parameter.open for parameter in self.parameters)

    @property
    def unbound(self) -> set[str]:
        """The names of the type parameters in it."""
        if self.kind == "param":
            return {self.name}
        return {name for parameter in self.parameters for name in parameter.unbound}

    @property
    def optional(self) -> bool:
        """It is optional_type(T)."""
        return self.kind == "opaque" and self.name == "optional_type"


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field of an object: its name in JSON and what it holds."""

    key: str
    declaration: "Declaration"
    nullable: bool = False  # null is a value like others; else it is as good as no field

    @property
    def type(self) -> Type:
        """The field's type."""
        return self.declaration.type


@dataclass(slots=True, eq=False)
class Declaration:
    """What is known of a value; `type` refers back to it. Sizes are upstream's DeclType's."""

    type: Type = field(init=False)
    fields: Mapping[str, DeclaredField] = field(default_factory=dict)  # by escaped name
    item: "Declaration | None" = None  # of a list or the values of a map
    key: "Declaration | None" = None
    read: Reader | None = None  # from JSON to the CEL value; None where they are the same
    list_type: str = ""  # set, map: how `==` and `+` treat it
    list_keys: tuple[str, ...] = ()
    any_key: bool = False  # estimates take a key that is selected like a field for an item
    most: int = 0  # elements or characters, at most
    least_size: int = 0  # bytes of JSON, at least

    def named(self, name: str) -> DeclaredField | None:
        """A field by its CEL name; one that is a keyword also by the keyword itself."""
        found = self.fields.get(name)
        return self.fields.get(f"__{name}__") if found is None and name in RESERVED else found


def _simple(name: str) -> Type:
    return Type(name, name)


BOOL, INT, UINT, DOUBLE = _simple("bool"), _simple("int"), _simple("uint"), _simple("double")
STRING, BYTES, TIMESTAMP, DURATION = _simple("string"), _simple("bytes"), _simple("timestamp"), _simple("duration")
NULL, DYN, ERROR, TYPE = _simple("null"), _simple("dyn"), Type("error", "!error!"), _simple("type")

_NAMED = {t.name: t for t in (BOOL, INT, UINT, DOUBLE, STRING, BYTES, TIMESTAMP, DURATION, NULL, DYN, TYPE)}
_OPAQUE = frozenset(("net.IP", "net.CIDR"))  # the other types of Kubernetes' libraries are structs without fields
_WORD = re.compile(r"[A-Za-z_][\w.]*|[(),]", re.ASCII)


def list_of(item: Type, declaration: "Declaration | None" = None) -> Type:
    """list(item)."""
    return Type("list", "list", (item,), declaration)


def map_of(key: Type, value: Type, declaration: "Declaration | None" = None) -> Type:
    """map(key, value)."""
    return Type("map", "map", (key, value), declaration)


def optional_of(value: Type) -> Type:
    """optional_type(value)."""
    return Type("opaque", "optional_type", (value,))


def type_of_type(value: Type) -> Type:
    """The type of a type's name used as a value."""
    return Type("type", "type", (value,))


def struct(name: str, declaration: "Declaration | None" = None) -> Type:
    """An object type of a name."""
    return Type("struct", name, (), declaration)


LIST, MAP = list_of(DYN), map_of(DYN, DYN)


def parse_type(text: str) -> Type:
    """The type that a declaration's text stands for: `map(A, list(int))`; a capital alone is a type parameter."""
    words = _WORD.findall(text)
    words.reverse()
    return _type(words)


def _type(words: list[str]) -> Type:
    name = words.pop()
    parameters = []
    if words and words[-1] == "(":
        while words.pop() != ")":
            parameters.append(_type(words))
            if words[-1] == ")":
                words.pop()
                break
    if name in _NAMED and not parameters:
        return _NAMED[name]
    if len(name) == 1:
        return Type("param", name)
    if name in ("list", "map", "type"):
        return Type(name, name, tuple(parameters))
    if name == "optional":
        return Type("opaque", "optional_type", tuple(parameters))
    return Type("opaque" if name in _OPAQUE else "struct", name, tuple(parameters))


_LONG_NAMES = {
    "null": "null_type",
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
}


def shown(type_: Type) -> str:
    """A type in the words of cel-go's Type.String, which are not those of its errors."""
    name = _LONG_NAMES.get(type_.kind, type_.name)
    return f"{name}({', '.join(map(shown, type_.parameters))})" if type_.parameters else name
