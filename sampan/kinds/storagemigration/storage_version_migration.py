"""StorageVersionMigration: all objects of a resource are to be written again, in the storage version of today.

Rules and texts: k8s.io/kubernetes/pkg/apis/storagemigration/validation.
"""

import re
from datetime import datetime

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import NAME
from sampan.kinds.conditions import validate_conditions
from sampan.kinds.prepare import STATUS_METADATA, fresh_status, in_metadata, keeping_metadata
from sampan.kinds.storagemigration import v1alpha1
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Immutable
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, check, dns_1035_label, dns_subdomain, invalid, required

GROUP, _NAME = "storagemigration.k8s.io", "StorageVersionMigration"
_V1 = "io.k8s.api.storagemigration.v1."
_RESOURCE, _STATUS = SPEC.child("resource"), Path("status")
_CONDITIONS, _REVISION = _STATUS.child("conditions"), _STATUS.child("resourceVersion")
_is_revision = re.compile(r"[1-9][0-9]*", re.ASCII).fullmatch


def _validate(migration: Object) -> Errors:
    resource = migration["spec"].get("resource") or {}
    name, group = resource.get("resource") or "", resource.get("group") or ""
    if not name:
        yield required(_RESOURCE.child("resource"), "resource is required to be set")
    else:
        yield from check(_RESOURCE.child("resource"), name, dns_1035_label(name))
    if group:
        yield from check(_RESOURCE.child("group"), group, dns_subdomain(group))


def _validate_status_update(new: Object, old: Object) -> Errors:
    """A migration that has come to an end stays there."""
    before, revision = (get_path(obj, ("status", "resourceVersion")) or "" for obj in (old, new))
    if revision and not _is_revision(revision):
        yield invalid(_REVISION, revision, f"resource version is not well formed: {revision}")
    conditions = get_path(new, ("status", "conditions")) or []
    yield from validate_conditions(conditions, _CONDITIONS)
    if before and before != revision:
        yield invalid(_REVISION, revision, "field is immutable")
    now, then = _true(new), _true(old)
    if {"Succeeded", "Failed"} <= now:
        yield invalid(_CONDITIONS, conditions, "Both success and failed conditions cannot be true at the same time")
    for type_, told in (("Succeeded", "Success"), ("Failed", "Failed")):
        if type_ in then - now:
            yield invalid(_CONDITIONS, conditions, f"{told} condition cannot be set to false once it is true")


def _true(migration: Object) -> set[str]:
    conditions = get_path(migration, ("status", "conditions")) or ()
    return {c.get("type") or "" for c in conditions if c.get("status") == "True"}


def _resource(migration: Object, now: datetime) -> str:
    resource = get_path(migration, ("spec", "resource")) or {}
    return ".".join(filter(None, (resource.get("resource"), resource.get("group"))))


def _state(migration: Object, now: datetime) -> str:
    conditions = get_path(migration, ("status", "conditions")) or ()
    known = [c for c in conditions if c.get("type") in ("Running", "Failed", "Succeeded")]
    return next((str(c["type"]) for c in reversed(known) if c.get("status") == "True"), "Unknown")


KIND = Kind(
    name=_NAME,
    plural="storageversionmigrations",
    versions=(
        *versions(GROUP, _V1 + _NAME, v1beta1=("1.37", "1.40")),
        ServedVersion(
            GROUP,
            "v1alpha1",
            v1alpha1.DEFINITION,
            convert=v1alpha1.CONVERSION,
            deprecated="1.33",
            removed="1.36",
            replacement=f"{GROUP}/v1 {_NAME}",
        ),
    ),
    namespaced=False,
    columns=(
        Column("Name", NAME.cell, description=NAME.description),
        Column("Resource", _resource, description="GroupResource to migrate"),
        Column("Status", _state, description="Status of the migration"),
    ),
    prepare_create=fresh_status(),
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    validate=_validate,
    rules={_V1 + _NAME: {"spec": Immutable()}},
    validate_status_update=_validate_status_update,
    definitions=v1alpha1.define,
    has_generation=False,
    allow_unconditional_update=False,
)
