"""The types that mutating policies construct: `Object{spec: Object.spec{...}}` and `JSONPatch{op: ..., path: ...}`.

    environment = Environment(variables, (*KUBERNETES, JSON_PATCH)).wrap_types(MutationTypes)
    problems = mismatched_names(value)

An object is JSON that remembers the name of its type. Upstream: apiserver pkg/cel/mutation, library/jsonpatch.go.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sampan.machinery.cel.compiler import Constructed
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.types import DYN, STRING, Declaration, DeclaredField, Type, struct

OBJECT, JSON_PATCH_TYPE = "Object", "JSONPatch"
_PATCH_FIELDS = {"op": STRING, "path": STRING, "from": STRING, "value": DYN}


def _field(name: str, type_: Type) -> DeclaredField:
    declaration = Declaration()
    declaration.type = type_
    return DeclaredField(name, declaration)


class _AnyField(Mapping[str, DeclaredField]):
    """The fields of Object: all there can be, of any type."""

    def __getitem__(self, name: str) -> DeclaredField:
        return _field(name, DYN)

    def get(self, name: str, default: Any = None) -> DeclaredField:
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class MutationTypes(Mapping[str, Type]):
    """Object, Object.x.y for any path, and JSONPatch, on top of other named types."""

    def __init__(self, others: Mapping[str, Type]) -> None:
        self._others = others

    def __getitem__(self, name: str) -> Type:
        if name == OBJECT or name.startswith(f"{OBJECT}."):
            return _with_fields(name, _AnyField())
        if name == JSON_PATCH_TYPE:
            return _with_fields(name, {field: _field(field, type_) for field, type_ in _PATCH_FIELDS.items()})
        return self._others[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._others)

    def __len__(self) -> int:
        return len(self._others)


def _with_fields(name: str, fields: Mapping[str, DeclaredField]) -> Type:
    declaration = Declaration(fields=fields)
    declaration.type = struct(name, declaration)
    return declaration.type


def mismatched_names(value: Any, path: str = OBJECT) -> list[str]:
    """Where objects lie at another path than the names of their types say."""
    if isinstance(value, Constructed):
        wrong = f'unexpected type name "{value.type_name}", expected "{path}", which matches field name path from root Object type'  # noqa: E501
        found = [] if value.type_name == path else [wrong]
        return found + [text for key, item in value.items() for text in mismatched_names(item, f"{path}.{key}")]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in mismatched_names(item, path)]


def _escape_key(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


JSON_PATCH = Library("jsonpatch", (overload("jsonpatch.escapeKey(string) -> string", _escape_key),))
