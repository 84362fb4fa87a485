"""The parts of a definition beside its schemas: names, printer columns, subresources, selectable fields, conversion.

Called by crd_validation.py. Upstream: apis/apiextensions/validation/validation.go.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sampan.kinds.apiextensions.certificates import bundle_error
from sampan.kinds.apiextensions.options import MOST_SELECTABLE_FIELDS, Options
from sampan.kinds.webhook_clients import validate_client_config, validate_review_versions
from sampan.machinery.errors import FieldError
from sampan.machinery.structural.field_paths import FieldPathError, resolve
from sampan.machinery.structural.schema import Structural
from sampan.machinery.validation import (
    Path,
    dns_1035_label,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
    too_many,
)

Errors = Iterator[FieldError]
Part = Mapping[str, Any]

_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_MIXED = "may have mixed case, but should otherwise match: "
_NO_WEBHOOK = "should not be set when strategy is not set to Webhook"


def name_errors(names: Part, path: Path) -> Errors:
    """Names that are given must be labels, a kind's but for its case."""
    for field, prefix in (("plural", ""), ("singular", ""), ("kind", _MIXED), ("listKind", _MIXED)):
        name = names.get(field) or ""
        wrong = dns_1035_label(name.lower() if prefix else name) if name else []
        if wrong:
            yield invalid(path.child(field), name, prefix + ",".join(wrong))
    yield from _labels(names.get("shortNames"), path.child("shortNames"))
    if names.get("kind") and names["kind"] == names.get("listKind"):
        yield invalid(path.child("listKind"), names["listKind"], "kind and listKind may not be the same")
    yield from _labels(names.get("categories"), path.child("categories"))


def _labels(names: list[str] | None, path: Path) -> Errors:
    for index, name in enumerate(names or ()):
        if wrong := dns_1035_label(name):
            yield invalid(path.index(index), name, ",".join(wrong))


def column_errors(columns: list[Part] | None, path: Path) -> Errors:
    """Printer columns, in the form of v1beta1."""
    for index, column in enumerate(columns or ()):
        at = path.index(index)
        type_, format_ = column.get("type") or "", column.get("format") or ""
        if not column.get("name"):
            yield required(at.child("name"))
        if type_ not in _COLUMN_TYPES:
            told = f"must be one of {','.join(_COLUMN_TYPES)}"
            yield invalid(at.child("type"), type_, told) if type_ else required(at.child("type"), told)
        if format_ and format_ not in _COLUMN_FORMATS:
            yield invalid(at.child("format"), format_, f"must be one of {','.join(_COLUMN_FORMATS)}")
        yield from _json_path(column.get("JSONPath") or "", at.child("JSONPath"), ())


def subresource_errors(subresources: Part | None, path: Path) -> Errors:
    """The paths of a scale subresource."""
    scale = (subresources or {}).get("scale")
    if scale is None:
        return
    for field, under in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        yield from _json_path(scale.get(field) or "", path.child("scale", field), (under,))
    if selector := scale.get("labelSelectorPath"):
        yield from _json_path(selector, path.child("scale", "labelSelectorPath"), (".spec", ".status"))


def _json_path(text: str, path: Path, under: tuple[str, ...]) -> Errors:
    """A path in dots, below one of some fields if any are given."""
    if not text:
        yield required(path)
    elif not text.startswith("."):
        yield invalid(path, text, "must be a simple json path starting with .")
    elif under and not text.startswith(tuple(f"{field}." for field in under)):
        either = "either " if len(under) > 1 else ""
        yield invalid(path, text, f"should be a json path under {either}{' or '.join(under)}")


def selectable_errors(fields: list[Part], schema: Structural, path: Path, options: Options, version: str) -> Errors:
    """Selectable fields lead to scalars outside of metadata, each but once."""
    seen: set[str] = set()
    for index, field in enumerate(fields):
        at, text = path.index(index).child("jsonPath"), field.get("jsonPath") or ""
        if not text:
            yield required(at)
            continue
        try:
            found, node = resolve(text, schema, brackets=False)
        except FieldPathError as error:
            yield invalid(at, text, f"is an invalid path: {error}")
            continue
        yield from _selectable(text, str(found), node, at)
        if str(found) in seen:
            yield duplicate(at, text)
        seen.add(str(found))
    if len(seen) > MOST_SELECTABLE_FIELDS and version not in options.many_selectable_fields:
        yield too_many(path, len(seen), MOST_SELECTABLE_FIELDS)


def _selectable(text: str, found: str, node: Structural, path: Path) -> Errors:
    if found.partition(".")[0] == "metadata":
        yield invalid(path, text, "must not point to fields in metadata")
    if node.type not in ("string", "boolean", "integer"):
        told = "must point to a field of type string, boolean or integer."
        yield invalid(path, text, f"{told} Enum string fields and strings with formats are allowed.")


def conversion_errors(conversion: Part | None, path: Path, options: Options) -> Errors:
    """How objects get from one version to another, in the form of v1beta1."""
    if conversion is None:
        return
    strategy = conversion.get("strategy") or ""
    if strategy not in ("None", "Webhook"):
        at = path.child("strategy")
        yield not_supported(at, strategy, ["None", "Webhook"]) if strategy else required(at)
    client, reviewed = conversion.get("webhookClientConfig"), conversion.get("conversionReviewVersions")
    at = path.child("webhookClientConfig")
    if strategy == "Webhook":
        yield from _client(client, at, options)
        known = options.known_review_version
        yield from validate_review_versions(reviewed or [], path.child("conversionReviewVersions"), known=known)
        return
    if client is not None:
        yield forbidden(at, _NO_WEBHOOK)
    if reviewed:
        yield forbidden(path.child("conversionReviewVersions"), _NO_WEBHOOK)


def _client(client: dict[str, Any] | None, path: Path, options: Options) -> Errors:
    if client is None:
        yield required(path, "required when strategy is set to Webhook")
        return
    yield from validate_client_config(client, path)
    bundle = client.get("caBundle")
    if bundle and not options.any_ca_bundle and (wrong := bundle_error(bundle)):
        yield invalid(path.child("caBundle"), bundle, wrong)
