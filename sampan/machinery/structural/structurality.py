"""What keeps a schema from being structural, in upstream's words. Called by what validates CustomResourceDefinitions.

A structural schema says of every field, outside of the junctors, what it is: only then can objects be pruned, defaulted
and described. Inside of junctors (`nested` below) a schema may only restrict values. Errors are sorted by their texts.
Upstream: apiserver/schema/{convert,validation,complete}.go.
"""

from collections.abc import Iterator
from typing import Any

from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path, forbidden, invalid, required
from sampan.machinery.structural.completeness import incomplete
from sampan.machinery.structural.nested import forbidden_in_junctors
from sampan.machinery.structural.schema import Tree, subschemas

_EMPTY_TYPE = {
    "root": "must not be empty at the root",
    "items": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
_METADATA_ONLY = "must not specify anything other than name and generateName, but metadata is implicitly specified"
_UNSUPPORTED = frozenset(
    ("id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions")
)


def unsupported(schema: Tree) -> str:
    """Why a schema cannot be made a structural one at all, or ""."""
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if type(node) is not dict:
            continue
        for keyword in _UNSUPPORTED & node.keys():
            given = node[keyword]
            if given or (keyword == "additionalItems" and given is not None):
                return f"OpenAPIV3Schema '{'schema' if keyword == '$schema' else keyword}' is not supported"
        if isinstance(node.get("items"), list) and node["items"]:
            return "OpenAPIV3Schema 'items' must be a schema, but is an array"
        if node.get("x-kubernetes-preserve-unknown-fields") is False:
            return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"
        pending += subschemas(node)
    return ""


def is_structural(schema: Tree) -> bool:
    """Whether a schema is structural."""
    return not unsupported(schema) and not structural_errors(schema, Path())


def structural_errors(schema: Tree, path: Path) -> list[FieldError]:
    """What is wrong with the structure of a schema that has nothing unsupported."""
    found = [*_invariants(schema, "root", path), *incomplete(schema, path)]
    return sorted(found, key=str)


def _invariants(schema: Tree, level: str, path: Path) -> Iterator[FieldError]:
    items, additional = schema.get("items"), schema.get("additionalProperties")
    if schema.get("type") == "array" and items is None:
        yield required(path.child("items"), "must be specified")
    if type(items) is dict:
        yield from _invariants(items, "items", path.child("items"))
    below = path.child("properties")
    for name, child in (schema.get("properties") or {}).items():
        yield from _invariants(child, "field", below.key(name))
    if additional is not None and level == "root":
        yield forbidden(path.child("additionalProperties"), "must not be used at the root")
    if type(additional) is dict:
        yield from _invariants(additional, "field", path.child("additionalProperties"))
    yield from _extensions(schema, path)
    yield from forbidden_in_junctors(schema, path, int_or_string=True)
    yield from _type(schema, level, path)
    yield from _meta_fields(schema, level, path)


def _extensions(schema: Tree, path: Path) -> Iterator[FieldError]:
    if not schema.get("x-kubernetes-int-or-string"):
        return
    for keyword in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"):
        if schema.get(keyword):
            yield invalid(path.child(keyword), True, "must be false if x-kubernetes-int-or-string is true")


def _type(schema: Tree, level: str, path: Path) -> Iterator[FieldError]:
    type_, at = schema.get("type") or "", path.child("type")
    embedded = schema.get("x-kubernetes-embedded-resource")
    preserve = schema.get("x-kubernetes-preserve-unknown-fields")
    if embedded and type_ != "object":
        detail = "must be object if x-kubernetes-embedded-resource is true"
        yield invalid(at, type_, detail) if type_ else required(at, detail)
    elif not type_ and not schema.get("x-kubernetes-int-or-string") and not preserve:
        yield required(at, _EMPTY_TYPE[level])
    if embedded and schema.get("additionalProperties") is not None:
        detail = "must not be used if x-kubernetes-embedded-resource is set"
        yield forbidden(path.child("additionalProperties"), detail)
    if level == "root" and type_ and type_ != "object":
        yield invalid(at, type_, "must be object at the root")


def _meta_fields(schema: Tree, level: str, path: Path) -> Iterator[FieldError]:
    """What a schema may say of apiVersion, kind and metadata where it is one of whole objects."""
    properties = schema.get("properties") or {}
    embedded, below = bool(schema.get("x-kubernetes-embedded-resource")), path.child("properties")
    whole = level == "root" or embedded
    for name in ("kind", "apiVersion"):
        if whole and name in properties and (given := properties[name].get("type") or "") != "string":
            yield invalid(below.key(name).child("type"), given, "must be string")
    if "metadata" in properties:
        yield from _metadata(properties["metadata"], whole, level, below.key("metadata"))
    if embedded and not schema.get("x-kubernetes-preserve-unknown-fields") and not properties:
        detail = (
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        )
        yield required(below, detail)


def _metadata(schema: Tree, whole: bool, level: str, path: Path) -> Iterator[FieldError]:
    type_ = schema.get("type") or ""
    if whole and type_ != "object":
        yield invalid(path.child("type"), type_, "must be object")
    if level != "root":
        return
    names = (schema.get("properties") or {}).keys()
    allowed = {"type", "default"} | ({"properties"} if names <= {"name", "generateName"} else set())
    if any(keyword not in allowed and value for keyword, value in schema.items()):
        yield forbidden(path, _METADATA_ONLY)
