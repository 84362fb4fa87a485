"""CustomResourceDefinition of apiextensions.k8s.io/v1beta1: its types, and the conversion to v1 and back.

One schema, one set of subresources, printer columns and selectable fields can stand beside the versions and count for
all of them; `version` is the name of the first. Upstream validates definitions in this form whatever version a client
used, so that the paths in its errors are this version's: `spec.validation.openAPIV3Schema`. Upstream:
pkg/apis/apiextensions/{v1,v1beta1}/{types,defaults,conversion}.go.
"""

from dataclasses import replace
from typing import Any

from sampan.machinery.kind import Conversion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Field, Schema

_GROUP = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions."
V1, OLD = _GROUP + "v1.", _GROUP + "v1beta1."
DEFINITION = OLD + "CustomResourceDefinition"
# What may stand beside the versions: its name there, and in a version.
_SHARED = {
    "subresources": "subresources",
    "validation": "schema",
    "additionalPrinterColumns": "additionalPrinterColumns",
    "selectableFields": "selectableFields",
}
_COLUMNS = "additionalPrinterColumns"


def define(known: Schema) -> None:
    """Add the old types."""
    path = known.definition(V1 + "CustomResourceColumnDefinition").fields["jsonPath"]
    column = OLD + "CustomResourceColumnDefinition"
    known.derive(column, V1 + "CustomResourceColumnDefinition", {"JSONPath": path}, drop=["jsonPath"])
    of_version = known.definition(V1 + "CustomResourceDefinitionVersion").fields
    columns = _of(of_version[_COLUMNS], column)
    version = OLD + "CustomResourceDefinitionVersion"
    known.derive(version, V1 + "CustomResourceDefinitionVersion", {_COLUMNS: columns})
    webhook = known.definition(V1 + "WebhookConversion").fields
    conversion: dict[str, str | Field] = {
        "webhookClientConfig": webhook["clientConfig"],
        "conversionReviewVersions": replace(webhook["conversionReviewVersions"], required=False, always=False),
    }
    known.derive(OLD + "CustomResourceConversion", V1 + "CustomResourceConversion", conversion, drop=["webhook"])
    _define_spec(known, of_version, columns, version)
    spec = known.definition(V1 + "CustomResourceDefinition").fields["spec"]
    spec = replace(spec, ref=OLD + "CustomResourceDefinitionSpec")
    known.derive(DEFINITION, V1 + "CustomResourceDefinition", {"spec": spec})


def _define_spec(known: Schema, of_version: Any, columns: Field, version: str) -> None:
    of_spec = known.definition(V1 + "CustomResourceDefinitionSpec").fields
    versions = replace(_of(of_spec["versions"], version), always=False, required=False)
    added: dict[str, str | Field] = {
        "version": "string",
        "versions": versions,
        "conversion": replace(of_spec["conversion"], ref=OLD + "CustomResourceConversion"),
        "preserveUnknownFields": Field("boolean", pointer=True),
        "validation": of_version["schema"],
        "subresources": of_version["subresources"],
        "selectableFields": of_version["selectableFields"],
        _COLUMNS: columns,
    }
    known.derive(OLD + "CustomResourceDefinitionSpec", V1 + "CustomResourceDefinitionSpec", added)


def _of(field: Field, ref: str) -> Field:
    """A list field with items of another type."""
    assert field.items is not None
    return replace(field, items=replace(field.items, ref=ref))


def default(crd: Object) -> None:
    """The defaults of a v1beta1 definition, after those of its fields."""
    spec = crd["spec"]
    if not spec.get("scope"):
        spec["scope"] = "Namespaced"
    if not spec.get("versions") and spec.get("version"):
        spec["versions"] = [{"name": spec["version"], "served": True, "storage": True}]
    if not spec.get("version") and spec.get("versions"):
        spec["version"] = spec["versions"][0].get("name") or ""
    default_common(crd)
    conversion = spec["conversion"]
    if conversion.get("strategy") == "Webhook" and not conversion.get("conversionReviewVersions"):
        conversion["conversionReviewVersions"] = ["v1beta1"]
    spec.setdefault("preserveUnknownFields", True)


def default_common(crd: Object) -> None:
    """The defaults that both versions have."""
    spec = crd["spec"]
    names = spec["names"]
    kind = names.get("kind") or ""
    if not names.get("singular") and kind:
        names["singular"] = kind.lower()
    if not names.get("listKind") and kind:
        names["listKind"] = kind + "List"
    if spec.get("conversion") is None:
        spec["conversion"] = {"strategy": "None"}
    status = crd["status"]
    storage = [version["name"] for version in spec.get("versions") or () if version.get("storage")]
    if not status.get("storedVersions") and storage:
        status["storedVersions"] = storage[:1]


def to_v1(crd: Object) -> Object:
    """A v1beta1 definition as a v1 one; shares what stays the same."""
    old = crd.get("spec") or {}
    spec = {name: value for name, value in old.items() if name not in _SHARED and name not in ("version", "conversion")}
    versions = old.get("versions") or []
    if not versions and old.get("version"):
        versions = [{"name": old["version"], "served": True, "storage": True}]
    shared = {new: old[name] for name, new in _SHARED.items() if old.get(name) is not None}
    spec["versions"] = [_with_columns({**version, **shared}, "JSONPath", "jsonPath") for version in versions]
    if (conversion := old.get("conversion")) is not None:
        spec["conversion"] = _conversion_to_v1(conversion)
    if not spec.get("preserveUnknownFields"):
        spec.pop("preserveUnknownFields", None)
    return {**crd, "spec": spec}


def _conversion_to_v1(old: Object) -> Object:
    made = {"strategy": old.get("strategy") or ""}
    client, versions = old.get("webhookClientConfig"), old.get("conversionReviewVersions")
    if client is None and versions is None:
        return made
    webhook = {"conversionReviewVersions": versions or []} | ({"clientConfig": client} if client is not None else {})
    return {**made, "webhook": webhook}


def from_v1(crd: Object) -> Object:
    """A v1 definition as a v1beta1 one: what all versions share stands beside them; shares what stays the same."""
    new = crd.get("spec") or {}
    spec = {**new, "preserveUnknownFields": bool(new.get("preserveUnknownFields"))}
    if (conversion := new.get("conversion")) is not None:
        spec["conversion"] = _conversion_from_v1(conversion)
    versions = [_with_columns(version, "jsonPath", "JSONPath") for version in new.get("versions") or ()]
    spec["versions"] = versions
    if versions:
        spec["version"] = versions[0].get("name") or ""
    for name, in_version in _SHARED.items() if versions else ():
        first = versions[0].get(in_version)
        if all((version.get(in_version) or None) == (first or None) for version in versions):
            spec |= {name: first} if first is not None else {}
            versions = [{key: value for key, value in version.items() if key != in_version} for version in versions]
    return {**crd, "spec": {**spec, "versions": versions}}


def _conversion_from_v1(new: Object) -> Object:
    made = {"strategy": new.get("strategy") or ""}
    webhook = new.get("webhook") or {}
    found = {
        "webhookClientConfig": webhook.get("clientConfig"),
        "conversionReviewVersions": webhook.get("conversionReviewVersions"),
    }
    return made | {name: value for name, value in found.items() if value is not None}


def _with_columns(version: Object, before: str, after: str) -> Object:
    """A version whose printer columns spell their path another way."""
    if not version.get(_COLUMNS):
        return dict(version)
    columns = [{after if key == before else key: value for key, value in one.items()} for one in version[_COLUMNS]]
    return {**version, _COLUMNS: columns}


CONVERSION = Conversion(to_v1, from_v1)
