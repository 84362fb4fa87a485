"""The fields that a custom resource's scale subresource reads: replicas are counts, the selector is a text.

Called by resource.py. Upstream: registry/customresource/validator.go; texts of wrong types: unstructured.NestedInt64.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sampan.machinery.errors import FIELD_INVALID, FieldError

_MOST = 2**31 - 1
_MISSING = object()
_GO_TYPES = {
    str: "string",
    int: "int64",
    float: "float64",
    bool: "bool",
    list: "[]interface {}",
    dict: "map[string]interface {}",
    type(None): "<nil>",
}


def scale_errors(obj: Mapping[str, Any], scale: Mapping[str, str] | None, parts: Iterable[str]) -> Iterator[FieldError]:
    """What is wrong with the fields of `spec`, of `status`, or both."""
    if not scale:
        return
    for part in parts:
        yield from _count(obj, scale.get(f"{part}ReplicasPath") or "")
    if "status" in parts and (path := scale.get("labelSelectorPath")):
        _, wrong = _read(obj, path, str)
        if wrong:
            yield FieldError(FIELD_INVALID, path, wrong, "")


def _count(obj: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    value, wrong = _read(obj, path, int)
    if wrong:
        yield FieldError(FIELD_INVALID, path, wrong, 0)
    elif value < 0:
        yield FieldError(FIELD_INVALID, path, "should be a non-negative integer", value)
    elif value > _MOST:
        yield FieldError(FIELD_INVALID, path, f"should be less than or equal to {_MOST}", value)


def _read(obj: Mapping[str, Any], path: str, wanted: type) -> tuple[Any, str]:
    """The value at a path (the empty one if it is missing), and what is wrong with it."""
    at: Any = obj
    names = path.removeprefix(".").split(".")
    for index, name in enumerate(names):
        if not isinstance(at, Mapping):
            gone = ".".join(names[:index])
            shown = f"{at} is of the type {_GO_TYPES[type(at)]}, expected map[string]interface{{}}"
            return wanted(), "" if at is None else f".{gone} accessor error: {shown}"
        at = at.get(name, _MISSING)
        if at is _MISSING:
            return wanted(), ""
    if type(at) is wanted:
        return at, ""
    shown = f"{at} is of the type {_GO_TYPES[type(at)]}, expected {_GO_TYPES[wanted]}"
    return wanted(), f".{'.'.join(names)} accessor error: {shown}"
