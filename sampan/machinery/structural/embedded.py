"""What must hold of objects inside objects (x-kubernetes-embedded-resource): names, kinds, metadata.

Upstream: apiserver/schema/objectmeta/validation.go. Whether metadata has the right types was settled by reading.py.
Called by resource.py.
"""

from collections.abc import Iterator
from typing import Any

from sampan.machinery import names
from sampan.machinery.errors import FieldError
from sampan.machinery.metadata import validate_object_meta
from sampan.machinery.paths import Path, invalid, required
from sampan.machinery.structural.schema import Structural


def embedded_errors(value: Any, node: Structural, path: Path | None = None) -> Iterator[FieldError]:
    """What is wrong with the embedded objects in a value."""
    at = path or Path()
    if type(value) is dict:
        if node.embedded:
            yield from _object_errors(value, at)
        for key, item in value.items():
            child = node.field(key)
            if child is not None:
                yield from embedded_errors(item, child, at.child(key) if key in node.properties else at.key(key))
    elif type(value) is list and node.items is not None:
        for index, item in enumerate(value):
            yield from embedded_errors(item, node.items, at.index(index))


def _object_errors(value: dict[str, Any], path: Path) -> Iterator[FieldError]:
    for field in ("apiVersion", "kind"):
        if field not in value:
            yield required(path.child(field))
    if "apiVersion" in value:
        yield from _api_version(value["apiVersion"], path.child("apiVersion"))
    if "kind" in value:
        yield from _kind(value["kind"], path.child("kind"))
    if type(meta := value.get("metadata")) is dict:
        named = meta if meta.get("name") else {**meta, "name": "fakename"}
        at = path.child("metadata")
        yield from validate_object_meta(named, at, names.path_segment, bool(meta.get("namespace")))


def _api_version(value: Any, path: Path) -> Iterator[FieldError]:
    if type(value) is not str:
        yield invalid(path, value, "must be a string")
    elif not value:
        yield invalid(path, value, "must not be empty")
    elif value.count("/") > 1:
        yield invalid(path, value, f"unexpected GroupVersion string: {value}")


def _kind(value: Any, path: Path) -> Iterator[FieldError]:
    if type(value) is not str:
        yield invalid(path, value, "must be a string")
    elif not value:
        yield invalid(path, value, "must not be empty")
    elif wrong := names.dns_1035_label(value.lower()):
        yield invalid(path, value, "may have mixed case, but should otherwise match: " + ",".join(wrong))
