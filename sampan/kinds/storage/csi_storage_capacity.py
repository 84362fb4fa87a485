"""CSIStorageCapacity: how much storage of a class is left on some nodes.

Rules and texts: k8s.io/kubernetes/pkg/apis/storage/validation.
"""

from sampan.kinds.checks import Errors
from sampan.kinds.columns import NAME, text
from sampan.kinds.core.pod_warnings import Warnings, node_label_warning
from sampan.kinds.versions import versions
from sampan.machinery import quantity
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.rules import Immutable
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, check, dns_subdomain, invalid, validate_label_selector

_TOPOLOGY = Path("nodeTopology")


def _validate(capacity: Object, any_value: bool = False) -> Errors:
    yield from validate_label_selector(capacity.get("nodeTopology"), _TOPOLOGY, any_value=any_value)
    name, amount = capacity.get("storageClassName") or "", capacity.get("capacity")
    yield from check("storageClassName", name, dns_subdomain(name))
    if amount is not None and quantity.compare(amount, "0") < 0:
        yield invalid("capacity", amount, "must be greater than or equal to 0")


def _validate_update(new: Object, old: Object) -> Errors:
    return _validate(new, any(validate_label_selector(old.get("nodeTopology"), Path())))


def _warnings(capacity: Object) -> Warnings:
    for index, item in enumerate(get_path(capacity, ("nodeTopology", "matchExpressions"), [])):
        key = item.get("key") or ""
        yield from node_label_warning(
            key, f"{_TOPOLOGY.child('matchExpressions').index(index).child('key')}: {key} is "
        )
    for key in get_path(capacity, ("nodeTopology", "matchLabels"), {}):
        yield from node_label_warning(key, f"{_TOPOLOGY.child('matchLabels', key)}: ")


KIND = Kind(
    name="CSIStorageCapacity",
    plural="csistoragecapacities",
    versions=versions(
        "storage.k8s.io",
        "io.k8s.api.storage.v1.CSIStorageCapacity",
        v1beta1=("1.24", "1.27"),
        v1alpha1=("1.21", "1.24"),
    ),
    columns=(
        NAME,
        Column("StorageClassName", text("storageClassName"), description="The class of the storage."),
        Column("Capacity", text("capacity", default="<unset>"), description="How much is left."),
    ),
    validate_create=_validate,
    validate_update=_validate_update,
    rules={"io.k8s.api.storage.v1.CSIStorageCapacity": {"nodeTopology": Immutable(), "storageClassName": Immutable()}},
    warnings=_warnings,
    has_status=False,
    has_generation=False,
    allow_unconditional_update=False,
)
