"""The kind that a CustomResourceDefinition defines: all that its spec says, as a Kind like any other.

    kind = custom_kind(definition, schema, rules)       # an accepted definition, and the field schema

Each served version has a form of the kind of its own, for columns, subresources and rules are said by version. Pure;
which definitions are accepted is decided elsewhere (apiserver/extensions/). Upstream:
k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go, pkg/registry/customresource.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from sampan.machinery.errors import FIELD_INVALID, FieldError
from sampan.machinery.jsonpath import JSONPath, JSONPathError, parse
from sampan.machinery.kind import Column, Kind, Scale, ServedVersion, ValidateUpdate
from sampan.machinery.meta import Object
from sampan.machinery.schema import Schema
from sampan.machinery.structural.codec import CustomStructure
from sampan.machinery.structural.custom import CustomResource
from sampan.machinery.structural.definitions import definition_of
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema
from sampan.machinery.structural.rules import RuleCompiler
from sampan.machinery.tables import AGE, NAME, since

Tree = Mapping[str, Any]
_STANDARD_FINALIZERS = frozenset({"orphan", "foregroundDeletion", "kubernetes"})


def custom_kind(definition: Object, schema: Schema, rules: RuleCompiler | None = None) -> Kind:
    """The kind, its storage version first where that is served; what it is called is in status.acceptedNames.

    `schema` is the field schema.
    """
    spec, names = definition["spec"], definition["status"]["acceptedNames"]
    resource = _resource(spec, schema, rules)
    common = Kind(
        name=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        versions=(),
        namespaced=spec["scope"] == "Namespaced",
        allow_unconditional_update=False,
        short_finalizers=True,
        create_warnings=_finalizer_warnings,
        list_name=names.get("listKind") or "",
    )
    forms = [
        _form(common, version, spec["group"], resource, schema) for version in spec["versions"] if version["served"]
    ]
    forms.sort(key=lambda form: form.storage.version != resource.stored)
    return replace(forms[0], versions=tuple(replace(form.storage, kind=form) for form in forms))


def closed(kind: Kind) -> Kind:
    """The kind while its definition is being deleted."""
    forms = [replace(version, kind=replace(version.kind or kind, closed=True)) for version in kind.versions]
    return replace(kind, closed=True, versions=tuple(forms))


def _resource(spec: Tree, schema: Schema, rules: RuleCompiler | None) -> CustomResource:
    read_metadata = object_meta_reader(schema)
    schemas = {
        version["name"]: ResourceSchema(
            (version.get("schema") or {}).get("openAPIV3Schema"),
            read_metadata,
            rules=rules,
            scale=(version.get("subresources") or {}).get("scale"),
            preserve_unknown=bool(spec.get("preserveUnknownFields")),
        )
        for version in spec["versions"]
    }
    conversion = spec.get("conversion") or {}
    webhook = conversion.get("webhook") if conversion.get("strategy") == "Webhook" else None
    stored = next(version["name"] for version in spec["versions"] if version["storage"])
    return CustomResource(spec["group"], schemas, stored, webhook)


def _form(common: Kind, version: Tree, group: str, resource: CustomResource, types: Schema) -> Kind:
    """The kind in one version."""
    name, schema = version["name"], resource.schemas[version["name"]]
    definition = definition_name(group, name, common.name)
    subresources = version.get("subresources") or {}
    has_status = subresources.get("status") is not None
    served = ServedVersion(
        group,
        name,
        definition,
        warning=_deprecation(version, group, common.name),
        structure=CustomStructure(definition_of(schema.node, definition, types)[0], schema, resource),
    )
    return replace(
        common,
        versions=(served,),
        columns=_columns(version.get("additionalPrinterColumns") or ()),
        has_status=has_status,
        counted=_counted if has_status else _counted_whole,
        scale=_scale(subresources.get("scale")),
        selectable_fields=dict(_selectable(version.get("selectableFields") or ())),
        prepare_create=_without_status if has_status else None,
        validate_create=_checking(common.name, served.api_version, schema.validate),
        validate_update=_lazily(schema.validate_update),
        validate_status_update=_lazily(schema.validate_status_update),
        slow_validation=schema.has_rules,
    )


def definition_name(group: str, version: str, kind: str) -> str:
    """The name of the type in OpenAPI: `com.example.stable.v1.CronTab` of stable.example.com."""
    return ".".join([*reversed(group.split(".")), version, kind])


def _deprecation(version: Tree, group: str, kind: str) -> str:
    if not version.get("deprecated"):
        return ""
    return version.get("deprecationWarning") or f"{group}/{version['name']} {kind} is deprecated"


def _finalizer_warnings(obj: Object) -> Iterable[str]:
    for name in obj["metadata"].get("finalizers") or ():
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            kind = "finalizer name including a path (/)" if "." in name else "finalizer name"
            why = "to avoid accidental conflicts with other finalizer writers"
            yield f'metadata.finalizers: "{name}": prefer a domain-qualified {kind} {why}'


def _counted(obj: Object) -> Any:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def _counted_whole(obj: Object) -> Any:
    """Without a status subresource, the status is a field like any other."""
    return {name: value for name, value in obj.items() if name != "metadata"}


def _without_status(obj: Object) -> None:
    obj.pop("status", None)


def _checking(
    kind: str, api_version: str, validate: Callable[[Object], Iterable[FieldError]]
) -> Callable[[Object], Iterable[FieldError]]:
    """Nothing else is looked at where the object says that it is another."""

    def check(obj: Object) -> Iterator[FieldError]:
        told = (("kind", kind), ("apiVersion", api_version))
        wrong = [FieldError(FIELD_INVALID, f, f"must be {want}", obj.get(f)) for f, want in told if obj.get(f) != want]
        yield from wrong or validate(obj)

    return check


def _lazily(validate: Callable[[Object, Object], Iterable[FieldError]]) -> ValidateUpdate:
    """Not before the errors are asked for, which for slow validations is beside the event loop."""

    def check(new: Object, old: Object) -> Iterator[FieldError]:
        yield from validate(new, old)

    return check


def _scale(scale: Tree | None) -> Scale | None:
    if scale is None:
        return None
    selector = scale.get("labelSelectorPath") or ""
    return Scale(_path(scale["specReplicasPath"]), _path(scale["statusReplicasPath"]), _path(selector))


def _path(text: str) -> tuple[str, ...]:
    """`.spec.replicas`, of names without brackets, as validation allows."""
    return tuple(part for part in text.split(".") if part)


def _selectable(fields: Iterable[Tree]) -> Iterable[tuple[str, Callable[[Object], str]]]:
    for field in fields:
        yield field["jsonPath"].removeprefix("."), _selected(parse(field["jsonPath"]))


def _selected(path: JSONPath) -> Callable[[Object], str]:
    def value(obj: Object) -> str:
        found = path.find(obj)
        return _text(found[0]) if found and found[0] is not None else ""

    return value


def _text(value: Any) -> str:
    """As Go prints a JSON value."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


# Columns


def _columns(given: Iterable[Tree]) -> tuple[Column, ...]:
    """The name, and what the version asks for; the age where it asks for nothing."""
    columns = tuple(_column(column) for column in given)
    return (NAME, *columns) if columns else (NAME, replace(AGE, type="date"))


def _column(column: Tree) -> Column:
    shown = f"Custom resource definition column (in JSONPath format): {column['jsonPath']}"
    return Column(
        column["name"],
        _cell(column["jsonPath"], column["type"]),
        type=column["type"],
        format=column.get("format") or "",
        priority=column.get("priority") or 0,
        description=column.get("description") or shown,
    )


def _cell(text: str, type: str) -> Callable[[Object, datetime], Any]:
    try:
        path = parse(text)
    except JSONPathError:  # of a definition from before such paths were refused
        return lambda obj, now: None

    def cell(obj: Object, now: datetime) -> Any:
        found = path.find(obj)
        return _shown(found[0], type, now) if found and found[0] is not None else None

    return cell


def _shown(value: Any, type: str, now: datetime) -> Any:
    """A value as a column of a type; None where it is of another type."""
    match type:
        case "string":
            return _text(value)
        case "integer":
            return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        case "number":
            return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "date":
            return _age(value, now)
    return None


def _age(value: Any, now: datetime) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return since(value, now)
    except ValueError:
        return "<invalid>"
