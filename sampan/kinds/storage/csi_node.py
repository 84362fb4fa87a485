"""CSINode: which storage drivers are installed on a node. Its name is the node's.

Rules and texts: k8s.io/kubernetes/pkg/apis/storage/validation.
"""

from datetime import datetime

from sampan.kinds.checks import SPEC, Errors, repeated, unchanged
from sampan.kinds.columns import AGE, NAME
from sampan.kinds.core.persistent_volume_sources import validate_driver_name
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, check, duplicate, invalid, non_negative, qualified_name, required

_DRIVERS = SPEC.child("drivers")
_LONGEST_ID = 256


def _no_status(node: Object) -> None:
    """Nothing reports the health of storage yet."""
    node["status"] = {}


def _validate(node: Object) -> Errors:
    seen: set[str] = set()
    for index, driver in enumerate(node["spec"].get("drivers") or ()):
        path, name = _DRIVERS.index(index), driver.get("name") or ""
        yield from validate_driver_name(name, path.child("name"))
        yield from _node_id(driver.get("nodeID") or "", path.child("nodeID"))
        count = get_path(driver, ("allocatable", "count"))
        yield from non_negative(path.child("allocatable", "count"), count)
        if name in seen:
            yield duplicate(path.child("name"), name)
        seen.add(name)
        yield from _keys(driver.get("topologyKeys") or [], path)


def _node_id(node_id: str, path: Path) -> Errors:
    if not node_id:
        yield required(path)
    if len(node_id.encode(errors="replace")) > _LONGEST_ID:
        yield invalid(path, node_id, f"must be {_LONGEST_ID} characters or less")


def _keys(keys: list[str], path: Path) -> Errors:
    again = {index for index, _ in repeated(keys)}
    for index, key in enumerate(keys):
        if not key:
            yield required(path, key)
        if index in again:
            yield duplicate(path, key)
        yield from check(path, key, qualified_name(key))


def _validate_update(new: Object, old: Object) -> Errors:
    """A driver stays as it is but for how many volumes it can take."""
    after = {driver.get("name"): driver for driver in new["spec"].get("drivers") or ()}
    for driver in old["spec"].get("drivers") or ():
        if driver.get("name") in after:
            yield from unchanged(_DRIVERS, _fixed(after[driver.get("name")]), _fixed(driver))


def _fixed(driver: Object) -> Object:
    return {field: value for field, value in driver.items() if field != "allocatable"}


def _count(node: Object, now: datetime) -> int:
    return len(get_path(node, ("spec", "drivers"), []))


KIND = Kind(
    name="CSINode",
    plural="csinodes",
    versions=versions("storage.k8s.io", "io.k8s.api.storage.v1.CSINode", v1beta1=("1.17", "1.22")),
    namespaced=False,
    columns=(NAME, Column("Drivers", _count, type="integer", description="How many drivers it has."), AGE),
    prepare_create=_no_status,
    prepare_update=lambda new, old: _no_status(new),
    validate=_validate,
    validate_update=_validate_update,
    has_status=False,
    has_generation=False,
    allow_unconditional_update=False,
)
