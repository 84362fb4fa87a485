"""The rules for metadata, on create and on update, and for label selectors inside objects.

Called by the API server for every write, before the kind's own rules; kinds call `validate_labels` and
`validate_label_selector` for templates and selectors. Rules and texts: k8s.io/apimachinery/pkg/api/validation.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sampan.machinery import names
from sampan.machinery.errors import FieldError
from sampan.machinery.kind import Kind
from sampan.machinery.meta import FOREGROUND, ORPHAN, Object
from sampan.machinery.paths import Path, forbidden, immutable, invalid, required, too_long

ANNOTATIONS_LIMIT = 256 * 1024  # bytes, keys and values of all annotations together
_STANDARD_FINALIZERS = ("kubernetes", ORPHAN, FOREGROUND)
_META = Path("metadata")
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def validate_meta(obj: Mapping[str, Any], kind: Kind) -> Iterator[FieldError]:
    """What is wrong with the metadata of a new object: ValidateObjectMeta."""
    yield from validate_object_meta(obj["metadata"], _META, names.NAME_RULES[kind.name_rule], kind.namespaced)
    yield from _unqualified_finalizers(obj["metadata"], kind)


def validate_object_meta(meta: Object, path: Path, rule: names.Check, namespaced: bool) -> Iterator[FieldError]:
    """What is wrong with metadata at a path, of an object that is named by a rule."""
    yield from _names(meta, path, rule)
    yield from _namespace(meta, path.child("namespace"), namespaced)
    if (meta.get("generation") or 0) < 0:
        yield invalid(path.child("generation"), meta["generation"], "must be greater than or equal to 0")
    yield from _maps(meta, path)


def _names(meta: Object, path: Path, rule: names.Check) -> Iterator[FieldError]:
    if prefix := meta.get("generateName"):
        # What is generated follows the dash, so a trailing one does no harm.
        tried = prefix[:-1] + "a" if prefix.endswith("-") else prefix
        for text in rule(tried):
            yield invalid(path.child("generateName"), prefix, text)
    name = meta.get("name")
    if not name:
        yield required(path.child("name"), "name or generateName is required")
        return
    for text in rule(name):
        yield invalid(path.child("name"), name, text)


def _namespace(meta: Object, path: Path, namespaced: bool) -> Iterator[FieldError]:
    namespace = meta.get("namespace")
    if not namespaced:
        if namespace:
            yield forbidden(path, "not allowed on this type")
    elif not namespace:
        yield required(path)
    else:
        for text in names.dns_label(namespace):
            yield invalid(path, namespace, text)


def _maps(meta: Object, path: Path) -> Iterator[FieldError]:
    if labels := meta.get("labels"):
        yield from validate_labels(labels, path.child("labels"))
    if annotations := meta.get("annotations"):
        yield from validate_annotations(annotations, path.child("annotations"))
    if owners := meta.get("ownerReferences"):
        yield from _owners(owners, path.child("ownerReferences"))
    if finalizers := meta.get("finalizers"):
        yield from _finalizers(finalizers, path.child("finalizers"))


def validate_labels(labels: Mapping[str, str] | None, path: Path) -> Iterator[FieldError]:
    """What is wrong with the keys and values of labels."""
    for key, value in (labels or {}).items():
        for text in names.qualified_name(key):
            yield invalid(path, key, text)
        for text in names.label_value(value):
            yield invalid(path, value, text)


def validate_annotations(annotations: Mapping[str, str] | None, path: Path) -> Iterator[FieldError]:
    """What is wrong with the keys of annotations (which may be in capitals), and with their total size."""
    size = 0
    for key, value in (annotations or {}).items():
        size += len(key.encode(errors="replace")) + len(value.encode(errors="replace"))
        for text in names.qualified_name(key.lower()):
            yield invalid(path, key, text)
    if size > ANNOTATIONS_LIMIT:
        yield too_long(path, ANNOTATIONS_LIMIT)


def _owners(owners: list[Object], path: Path) -> Iterator[FieldError]:
    controller = ""
    for index, owner in enumerate(owners):
        yield from _owner(owner, path.index(index))
        if not owner.get("controller"):
            continue
        shown = f"{owner.get('kind', '')}/{owner.get('name', '')}"
        if controller:
            text = 'Only one reference can have Controller set to true. Found "true" in references for'
            yield invalid(path, owners, f"{text} {controller} and {shown}")
        else:
            controller = shown


def _owner(owner: Object, path: Path) -> Iterator[FieldError]:
    api_version = owner.get("apiVersion") or ""
    if not api_version:
        yield required(path.child("apiVersion"), "must not be empty")
    elif api_version.count("/") > 1 or api_version.endswith("/"):
        yield invalid(path.child("apiVersion"), api_version, "must be <group>/<version> or <version>")
    for field in ("kind", "name", "uid"):
        if not owner.get(field):
            yield required(path.child(field), "must not be empty")
    if (api_version, owner.get("kind")) == ("v1", "Event"):
        yield invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner")


def _finalizers(finalizers: list[str], path: Path) -> Iterator[FieldError]:
    for name in finalizers:
        for text in names.qualified_name(name):
            yield invalid(path, name, text)
    if {ORPHAN, FOREGROUND} <= set(finalizers):
        yield invalid(path, finalizers, "finalizer orphan and foregroundDeletion cannot be both set")


def _unqualified_finalizers(meta: Object, kind: Kind) -> Iterator[FieldError]:
    """What kinds of upstream's core say of finalizers; others, and custom resources, warn at most."""
    for index, name in enumerate(() if kind.short_finalizers else meta.get("finalizers") or ()):
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            text = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid(_META.child("finalizers").index(index), name, text)


def validate_meta_update(new: Mapping[str, Any], old: Mapping[str, Any], kind: Kind) -> Iterator[FieldError]:
    """What is wrong with changed metadata: ValidateObjectMetaUpdate.

    Fields that a client may leave out (uid, creationTimestamp ...) must have been carried over before.
    """
    after, before = new["metadata"], old["metadata"]
    if before.get("deletionTimestamp"):
        yield from _no_new_finalizers(after, before)
    if not after.get("resourceVersion"):
        yield invalid(_META.child("resourceVersion"), "", "must be specified for an update")
    if (after.get("generation") or 0) < (before.get("generation") or 0):
        yield invalid(_META.child("generation"), after.get("generation") or 0, "must not be decremented")
    for field in _IMMUTABLE:
        if (after.get(field) or None) != (before.get(field) or None):
            yield immutable(_META.child(field), after.get(field, ""))
    yield from _maps(after, _META)
    yield from _unqualified_finalizers(after, kind)


def _no_new_finalizers(after: Object, before: Object) -> Iterator[FieldError]:
    added = sorted(set(after.get("finalizers") or ()) - set(before.get("finalizers") or ()))
    if added:
        shown = "[]string{" + ", ".join(f'"{name}"' for name in added) + "}"
        text = "no new finalizers can be added if the object is being deleted, found new finalizers"
        yield forbidden(_META.child("finalizers"), f"{text} {shown}")


def validate_label_selector(
    selector: Mapping[str, Any] | None, path: Path, *, any_value: bool = False
) -> Iterator[FieldError]:
    """What is wrong with a LabelSelector inside an object. `any_value`: values that no label has are let pass."""
    if not selector:
        return
    yield from validate_labels(selector.get("matchLabels"), path.child("matchLabels"))
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        yield from _expression(expression, path.child("matchExpressions").index(index), any_value)


def _expression(expression: Mapping[str, Any], path: Path, any_value: bool) -> Iterator[FieldError]:
    operator, values = expression.get("operator") or "", expression.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            yield required(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden(path.child("values"), text)
    else:
        yield invalid(path.child("operator"), operator, "not a valid selector operator")
    key = expression.get("key") or ""
    for text in names.qualified_name(key):
        yield invalid(path.child("key"), key, text)
    for position, value in enumerate(() if any_value else values):
        for text in names.label_value(value):
            yield invalid(path.child("values").index(position), value, text)
