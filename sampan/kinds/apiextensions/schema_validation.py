"""The schema of a definition: what OpenAPI keywords it may use, and where. Called by crd_validation.py.

What makes a schema structural is machinery/structural/structurality.py's; this adds what upstream forbids beside.
Upstream: validateCustomResourceDefinitionValidation and ValidateCustomResourceDefinitionOpenAPISchema.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from sampan.kinds.apiextensions.list_rules import list_errors
from sampan.kinds.apiextensions.options import Options
from sampan.machinery.cel.rule_audit import RuleAudit, shape_errors
from sampan.machinery.errors import FieldError
from sampan.machinery.structural.default_errors import Context, default_errors
from sampan.machinery.structural.reading import ReadMetadata
from sampan.machinery.structural.rules import RuleCompiler
from sampan.machinery.structural.schema import META_FIELDS, TYPES, Structural, Tree
from sampan.machinery.structural.structurality import structural_errors, unsupported
from sampan.machinery.validation import Path, forbidden, invalid, not_supported

Errors = Iterator[FieldError]

_AT_ROOT = {
    "description": "Description",
    "type": "Type",
    "format": "Format",
    "title": "Title",
    "maximum": "Maximum",
    "exclusiveMaximum": "ExclusiveMaximum",
    "minimum": "Minimum",
    "exclusiveMinimum": "ExclusiveMinimum",
    "maxLength": "MaxLength",
    "minLength": "MinLength",
    "pattern": "Pattern",
    "maxItems": "MaxItems",
    "minItems": "MinItems",
    "uniqueItems": "UniqueItems",
    "multipleOf": "MultipleOf",
    "required": "Required",
    "items": "Items",
    "properties": "Properties",
    "externalDocs": "ExternalDocs",
    "example": "Example",
    "x-kubernetes-preserve-unknown-fields": "XPreserveUnknownFields",
    "x-kubernetes-validations": "XValidations",
}
_JUNCTORS = ("not", "allOf", "oneOf", "anyOf")
_UNSUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")


@dataclass(frozen=True, slots=True)
class Tools:
    """What reads metadata, runs CEL rules (on defaults), and tells whether rules compile and what they cost."""

    read_metadata: ReadMetadata
    rules: RuleCompiler
    audit: RuleAudit


@dataclass(frozen=True, slots=True)
class _Where:
    """What is special about a place in a schema."""

    options: Options
    root: bool = False
    in_metadata: bool = False
    no_defaults: str | None = None  # why there may be none


def validation_errors(
    holder: Tree | None, path: Path, version: str, status: bool, options: Options, tools: Tools
) -> Errors:
    """What is wrong with the schema that a CustomResourceValidation holds; `status`: the subresource is on."""
    schema = (holder or {}).get("openAPIV3Schema")
    if schema is None:
        return
    at = path.child("openAPIV3Schema")
    found = list(_at_root(schema, at)) if status else []
    if schema.get("nullable"):
        found.append(forbidden(at.child("nullable"), "nullable cannot be true at the root"))
    unstructured = unsupported(schema) if options.structural else ""
    structure: list[FieldError] = []
    if options.structural and not unstructured:
        context = Context(tools.read_metadata, options.pruned_defaults, tools.rules)
        structure = structural_errors(schema, at) or _default_errors(schema, at, context)
    found += structure
    no_defaults = options.defaults_forbidden or None
    found += _schema(schema, at, _Where(options, root=True, no_defaults=no_defaults))
    if unstructured and not found:
        found.append(invalid(at, "", unstructured))
    if options.structural and not unstructured and not structure:
        found += _audit(schema, at, found, options.old_schemas.get(version), options, tools)
    yield from found


def _audit(
    schema: Tree, path: Path, found: list[FieldError], old: Tree | None, options: Options, tools: Tools
) -> list[FieldError]:
    """What is wrong with the rules of a schema, where nothing else is."""
    if b'"x-kubernetes-validations":' not in orjson.dumps(schema):
        return []
    wrong = sorted(error.field for error in found)

    def sound(at: Path) -> bool:
        first = bisect_left(wrong, str(at))  # whatever begins so comes from here on
        return not any(field.startswith(str(at)) for field in wrong[first : first + 1])

    return tools.audit.errors(schema, path, sound, options.known_expressions, schema == old)


def _default_errors(schema: Tree, path: Path, context: Context) -> list[FieldError]:
    """Most schemas have no defaults, and need no walk to find that."""
    return default_errors(_root(schema), path, context) if b'"default":' in orjson.dumps(schema) else []


def _root(schema: Tree) -> Structural:
    return Structural(schema, resource_root=True)


def _at_root(schema: Tree, path: Path) -> Errors:
    """With a status subresource, nothing at the root may hold for status without standing in its own schema."""
    for keyword, value in schema.items():
        if keyword == "type" and value and value != "object":
            told = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
            yield invalid(path.child("type"), value, told)
            return
        if value not in (None, False, "", [], {}) and keyword not in _AT_ROOT:
            allowed = "[" + " ".join(_AT_ROOT.values()) + "]"
            told = f"only {allowed} fields are allowed at the root of the schema if the status subresource is enabled"
            yield invalid(path, schema, told)
            return


def _schema(schema: Any, path: Path, where: _Where) -> Errors:
    if type(schema) is not dict:
        return
    inner = replace(where, root=False) if where.root else where
    yield from _keywords(schema, path, where)
    yield from _fields(schema, path, where, inner)
    for keyword in _JUNCTORS:
        if keyword in schema:
            yield from _below(schema[keyword], path.child(keyword), inner)
    for keyword in ("definitions", "dependencies"):
        for name, one in (schema.get(keyword) or {}).items():
            yield from _schema(one, path.child(keyword).key(name), inner)
    if "items" in schema:
        yield from _below(schema["items"], path.child("items"), inner)
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        yield invalid(path.child("x-kubernetes-preserve-unknown-fields"), False, "must be true or undefined")
    options = where.options
    yield from list_errors(schema, path, atomic_sets=options.atomic_sets, keys=options.list_keys)
    if schema.get("x-kubernetes-validations"):
        yield from shape_errors(schema, path)


def _below(schemas: Any, path: Path, where: _Where) -> Errors:
    """One schema, or a list of them."""
    if type(schemas) is list:
        for index, one in enumerate(schemas):
            yield from _schema(one, path.index(index), where)
    else:
        yield from _schema(schemas, path, where)


def _keywords(schema: Tree, path: Path, where: _Where) -> Errors:
    type_ = schema.get("type") or ""
    if where.options.valid_types and type_ and type_ not in TYPES:
        yield not_supported(path.child("type"), type_, TYPES)
    if schema.get("default") is not None and where.no_defaults is not None:
        yield forbidden(path.child("default"), f"must not be set {where.no_defaults}")
    for keyword in [keyword for keyword in _UNSUPPORTED if keyword in schema]:
        if schema[keyword] or keyword in ("additionalItems", "dependencies", "$ref"):
            yield forbidden(path.child(keyword), f"{keyword} is not supported")
    if type_ == "null":
        yield forbidden(path.child("type"), "type cannot be set to null, use nullable as an alternative")
    if isinstance(schema.get("items"), list) and schema["items"]:
        yield forbidden(path.child("items"), "items must be a schema object and not an array")
    if where.in_metadata and schema.get("x-kubernetes-embedded-resource"):
        yield forbidden(path.child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta")
    if schema.get("uniqueItems"):
        told = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield forbidden(path.child("uniqueItems"), told)


def _fields(schema: Tree, path: Path, where: _Where, inner: _Where) -> Errors:
    additional, properties = schema.get("additionalProperties"), schema.get("properties") or {}
    if additional is not None:
        at = path.child("additionalProperties")
        if properties and additional is not True:
            yield forbidden(at, "additionalProperties and properties are mutual exclusive")
        why = "inside additionalProperties applying to object metadata"
        yield from _schema(additional, at, replace(inner, no_defaults=why) if where.in_metadata else inner)
    if not properties:
        return
    below_path = path.child("properties")
    whole = where.root or bool(schema.get("x-kubernetes-embedded-resource"))
    for name, child in properties.items():
        below = inner
        if whole and name in META_FIELDS:
            why = f"in top-level {name}"
            below = replace(inner, in_metadata=True, no_defaults=why if where.root else inner.no_defaults)
        yield from _schema(child, below_path.key(name), below)
