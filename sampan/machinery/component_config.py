"""Configuration files: a tree held to the shape of its type, with every field that the type lacks.

A shape is `str`, `bool`, `int`, `float`, a list of one shape, or a dict of fields. Files are read as upstream's scheme
reads them (k8s.io/apimachinery/pkg/runtime/serializer, strict): null is as good as nothing. Not for objects of the
API, whose types are the schema's.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sampan.machinery.errors import BadRequest
from sampan.machinery.yamlio import parse_yaml_strict

Shape = Any  # type | list[Shape] | Mapping[str, Shape]
ANYTHING: Any = object()  # the shape of what is read elsewhere

_META: Mapping[str, Shape] = {"apiVersion": str, "kind": str}
_WORDS = {str: "string", bool: "bool", int: "int", float: "float64"}
_JSON = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


class Malformed(ValueError):
    """The text is no such object; str() is the decoder's sentence."""


def parse(text: bytes) -> tuple[Mapping[str, Any], list[str]]:
    """The object in a text that is YAML or JSON, and the problems that only strict decoding has. Raises Malformed."""
    try:
        tree, duplicates = parse_yaml_strict(text)
    except BadRequest as error:
        raise Malformed(error.message) from error
    if not isinstance(tree, dict):
        shown = _JSON.get(type(tree), "null")
        raise Malformed(
            f"couldn't get version/kind; json parse error: json: cannot unmarshal {shown} into Go value of type struct "
            "{ APIVersion string; Kind string }"
        )
    return tree, [f'duplicate field "{path}"' for path in duplicates]


def check_kind(tree: Mapping[str, Any], group: str, versions: Collection[str], kind: str) -> None:
    """Raises Malformed unless the object says that it is of the kind, in one of its versions."""
    said_version, said_kind = tree.get("apiVersion") or "", tree.get("kind") or ""
    if not said_kind or not said_version:
        lacking = "Kind" if not said_kind else "apiVersion"
        raise Malformed(f"Object '{lacking}' is missing in '{{{','.join(sorted(map(str, tree)))}}}'")
    said_group, _, version = str(said_version).rpartition("/")
    if said_group != group or version not in versions or said_kind != kind:
        raise Malformed(f'no kind "{said_kind}" is registered for version "{said_version}" in scheme')


def held_to(tree: Mapping[str, Any], shape: Mapping[str, Shape]) -> tuple[dict[str, Any], list[str]]:
    """The fields that the shape has, and the problem of each that it lacks. Raises Malformed for a wrong type."""
    unknown: list[str] = []
    return _fields(tree, {**_META, **shape}, "", unknown), [f'unknown field "{path}"' for path in unknown]


def _fields(tree: Mapping[str, Any], shape: Mapping[str, Shape], path: str, unknown: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        place = f"{path}.{name}" if path else name
        if name not in shape:
            unknown.append(place)
        elif value is not None:
            found[name] = _value(value, shape[name], place, unknown)
    return found


def _value(value: Any, shape: Shape, path: str, unknown: list[str]) -> Any:
    if shape is ANYTHING:
        return value
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise _wrong(value, "slice", path)
        return [_value(item, shape[0], f"{path}[{at}]", unknown) for at, item in enumerate(value)]
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            raise _wrong(value, "struct", path)
        return _fields(value, shape, path, unknown)
    if type(value) is not shape and not (shape is float and type(value) is int):
        raise _wrong(value, _WORDS[shape], path)
    return value


def _wrong(value: Any, wanted: str, path: str) -> Malformed:
    return Malformed(f"json: cannot unmarshal {_JSON.get(type(value), 'null')} into Go struct field {path} of {wanted}")
