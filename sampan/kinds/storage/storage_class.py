"""StorageClass: what provides volumes of a kind, and how. v1beta1 is identical.

Rules and texts: k8s.io/kubernetes/pkg/apis/storage/validation.
"""

from collections.abc import Iterator
from datetime import datetime

from sampan.kinds.checks import Errors, repeated, supported
from sampan.kinds.columns import AGE, text
from sampan.kinds.core.pod_warnings import Warnings, node_label_warning
from sampan.kinds.storage.provisioners import validate_parameters, validate_provisioner
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.rules import Enum, FieldRules, Immutable
from sampan.machinery.tables import name
from sampan.machinery.validation import Path, check, duplicate, qualified_name, required

_DEFINITION = "io.k8s.api.storage.v1.StorageClass"
DEFAULT_MARKS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_RULES: FieldRules = {
    _DEFINITION: {
        "parameters": Immutable(),
        "provisioner": Immutable(),
        "reclaimPolicy": Immutable(),
        "volumeBindingMode": (Enum(), Immutable()),
    },
}
_TOPOLOGIES = Path("allowedTopologies")
_Term = frozenset[tuple[str, frozenset[str]]]  # keys with their values


def _validate(storage_class: Object) -> Errors:
    yield from validate_provisioner(storage_class.get("provisioner") or "", "provisioner")
    yield from validate_parameters(storage_class.get("parameters") or {})
    policy = storage_class.get("reclaimPolicy")
    yield from supported("reclaimPolicy", policy or None, ("Delete", "Retain"))
    yield from _topologies(storage_class.get("allowedTopologies") or [])


def _topologies(terms: list[Object]) -> Errors:
    seen: set[_Term] = {frozenset()}  # upstream takes a term without expressions for one that was there before
    for index, term in enumerate(terms):
        path, keys = _TOPOLOGIES.index(index).child("matchLabelExpressions"), dict[str, frozenset[str]]()
        for position, item in enumerate(term.get("matchLabelExpressions") or ()):
            key, values, at = item.get("key") or "", item.get("values") or [], path.index(position)
            yield from _values(values, at)
            yield from check(at.child("key"), key, qualified_name(key))
            if key in keys:
                yield duplicate(at.child("key"), key)
            keys[key] = frozenset(values)
        if (same := frozenset(keys.items())) in seen:
            yield duplicate(path, "")
        seen.add(same)


def _values(values: list[str], path: Path) -> Errors:
    if not values:
        yield required(path.child("values"))
    for index, value in repeated(values):
        yield duplicate(path.child("values").index(index), value)


def _warnings(storage_class: Object) -> Warnings:
    for index, term in enumerate(storage_class.get("allowedTopologies") or ()):
        for position, item in enumerate(term.get("matchLabelExpressions") or ()):
            path = _TOPOLOGIES.index(index).child("matchLabelExpressions").index(position)
            yield from node_label_warning(item.get("key") or "", f"{path.child('key')}: ")


def is_default(storage_class: Object) -> bool:
    """Whether claims that name no class may get this one."""
    return any(annotations_of(storage_class).get(key) == "true" for key in DEFAULT_MARKS)


def _name(storage_class: Object, now: datetime) -> str:
    return name(storage_class, now) + (" (default)" if is_default(storage_class) else "")


def _columns() -> Iterator[Column]:
    yield Column("Name", _name, format="name", description="Name, and whether it is the default.")
    yield Column("Provisioner", text("provisioner"), description="Who makes the volumes.")
    yield Column("ReclaimPolicy", text("reclaimPolicy", default="Delete"), description="What becomes of old volumes.")
    mode = text("volumeBindingMode", default="Immediate")
    yield Column("VolumeBindingMode", mode, description="When claims get their volumes.")
    growth = "Whether volumes can grow."
    yield Column("AllowVolumeExpansion", lambda obj, now: bool(obj.get("allowVolumeExpansion")), description=growth)
    yield AGE


KIND = Kind(
    name="StorageClass",
    plural="storageclasses",
    versions=versions("storage.k8s.io", "io.k8s.api.storage.v1.StorageClass", v1beta1=("1.19", "1.22")),
    namespaced=False,
    short_names=("sc",),
    columns=tuple(_columns()),
    validate=_validate,
    rules=_RULES,
    warnings=_warnings,
    has_status=False,
    has_generation=False,
    defaults={_DEFINITION: {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}},
    returns_deleted=True,
)
