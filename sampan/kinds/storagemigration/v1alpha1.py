"""The StorageVersionMigration of v1alpha1, which named a version, too, and whose conditions had times of updates.

The version and the continue token have no place in v1: the stored object does without them.
"""

from dataclasses import replace

from sampan.machinery.kind import Conversion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Schema
from sampan.machinery.tree import get_path

_V1, _OLD = "io.k8s.api.storagemigration.v1.", "io.k8s.api.storagemigration.v1alpha1."
_NAME = "StorageVersionMigration"
DEFINITION = _OLD + _NAME
_RENAMED = {"lastUpdateTime": "lastTransitionTime"}  # in v1alpha1: in v1
_UNKNOWN = "observedGeneration"


def define(known: Schema) -> None:
    """Add the types."""
    texts = dict.fromkeys(("group", "version", "resource"), "string")
    known.define(_OLD + "GroupVersionResource", texts)
    spec = {"resource": _OLD + "GroupVersionResource", "continueToken": "string"}
    known.define(f"{_OLD}{_NAME}Spec", spec, ["resource"])
    told = dict.fromkeys(("type", "status", "reason", "message"), "string")
    known.define(_OLD + "MigrationCondition", {**told, "lastUpdateTime": "time"}, ["type", "status"])
    conditions = known.definition(f"{_V1}{_NAME}Status").fields["conditions"]
    assert conditions.items
    item = replace(conditions.items, ref=_OLD + "MigrationCondition")
    status = {"conditions": replace(conditions, items=item)}
    known.derive(f"{_OLD}{_NAME}Status", f"{_V1}{_NAME}Status", status)
    known.derive(DEFINITION, _V1 + _NAME, {"spec": f"{_OLD}{_NAME}Spec", "status": f"{_OLD}{_NAME}Status"})


def _to_v1(migration: Object) -> Object:
    resource = get_path(migration, ("spec", "resource")) or {}
    kept = {field: resource[field] for field in ("group", "resource") if field in resource}
    return {**_with_conditions(migration, _RENAMED), "spec": {"resource": kept}}


def _from_v1(migration: Object) -> Object:
    return _with_conditions(migration, {new: old for old, new in _RENAMED.items()})


def _with_conditions(migration: Object, names: dict[str, str]) -> Object:
    if not (conditions := get_path(migration, ("status", "conditions"))):
        return migration
    renamed = [
        {names.get(field, field): value for field, value in condition.items() if field != _UNKNOWN}
        for condition in conditions
    ]
    return {**migration, "status": {**migration["status"], "conditions": renamed}}


CONVERSION = Conversion(_to_v1, _from_v1)
