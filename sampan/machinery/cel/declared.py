"""Declared types: what a schema says of a value beyond CEL's own types, and how its JSON form becomes the CEL value.

A Declaration has an object's fields, the kind of a list, the greatest size (for estimates), and how to read values.
Made by structural_types.py and field_types.py; read by the checker, the compiler and the estimate.
Upstream: apiserver pkg/cel/types.go (DeclType), pkg/cel/escaping.go.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from sampan.machinery.cel.parser import RESERVED
from sampan.machinery.cel.types import Type

MAX_REQUEST = 3 * 1024 * 1024  # bytes that a request may have: upstream's MaxRequestSizeBytes
Reader = Callable[[Any], Any]

_ESCAPED = re.compile(r"__|[-./]")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_ESCAPABLE = re.compile(r"[A-Za-z_.\-/][A-Za-z0-9_.\-/]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field of an object: its name in JSON and what it holds."""

    key: str
    declaration: "Declaration"

    @property
    def type(self) -> Type:
        """The field's type."""
        return self.declaration.type


@dataclass(slots=True, eq=False)
class Declaration:
    """What is known of a value; `type` refers back to it. Sizes are upstream's DeclType's."""

    type: Type = dataclass_field(init=False)
    fields: Mapping[str, DeclaredField] = dataclass_field(default_factory=dict)  # by escaped name
    item: "Declaration | None" = None  # of a list or the values of a map
    key: "Declaration | None" = None
    read: Reader | None = None  # from JSON to the CEL value; None where they are the same
    list_type: str = ""  # set, map: how `==` and `+` treat it
    list_keys: tuple[str, ...] = ()
    most: int = 0  # elements or characters, at most
    least_size: int = 0  # bytes of JSON, at least

    def field(self, name: str) -> DeclaredField | None:
        """A field by its CEL name; one that is a keyword also by the keyword itself."""
        found = self.fields.get(name)
        return self.fields.get(f"__{name}__") if found is None and name in RESERVED else found


def escape(name: str) -> str | None:
    """The CEL name of a field: `a-b` is `a__dash__b`, `namespace` is `__namespace__`; None if it can have none."""
    if name in RESERVED:
        return f"__{name}__"
    if not _ESCAPABLE.fullmatch(name):
        return None
    return _ESCAPED.sub(lambda match: _ESCAPES[match[0]], name)
