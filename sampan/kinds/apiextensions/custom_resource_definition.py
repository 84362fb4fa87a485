"""CustomResourceDefinition: a kind that clients bring. v1beta1 is v1 with what all versions share beside them.

What the server makes of a definition is the API server's business, and its conditions are its controllers'. Upstream:
k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition, and apis/apiextensions.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache

from sampan.kinds.apiextensions import v1beta1
from sampan.kinds.apiextensions.crd_validation import is_established, new_errors, status_errors, update_errors
from sampan.kinds.apiextensions.options import NEW, NEW_V1BETA1, Options
from sampan.kinds.apiextensions.schema_validation import Tools
from sampan.kinds.apiextensions.schema_warnings import schema_warnings
from sampan.kinds.checks import Errors
from sampan.kinds.columns import CREATED_AT, NAME, text
from sampan.kinds.prepare import STATUS_METADATA, in_metadata, keeping_metadata
from sampan.machinery.cel.crd_rules import RuleChecks
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.rule_audit import RuleAudit
from sampan.machinery.kind import Column, Kind, ServedVersion, Validate, ValidateUpdate
from sampan.machinery.meta import Object
from sampan.machinery.schema import load
from sampan.machinery.structural.object_meta import object_meta_reader

FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_GROUP = "apiextensions.k8s.io"
_PREVIOUS = (1, 36)  # release whose expressions may be new, so that an older server could still read them
_DEFINITION = v1beta1.V1 + "CustomResourceDefinition"


@cache
def _tools() -> Tools:
    stored = Environment()
    return Tools(object_meta_reader(load()), RuleChecks(stored), RuleAudit(Environment(version=_PREVIOUS), stored))


def _storage_version(crd: Object) -> str:
    versions = crd["spec"].get("versions") or ()
    return next((version.get("name") or "" for version in versions if version.get("storage")), "")


def _prepare_create(crd: Object) -> None:
    """A new definition has no status but the version in which its objects are going to be stored."""
    storage = _storage_version(crd)
    names = {"plural": "", "kind": ""}
    crd["status"] = {"conditions": [], "acceptedNames": names, "storedVersions": [storage] if storage else []}


def _prepare_delete(crd: Object) -> None:
    """The definition stays until its objects are gone."""
    finalizers = crd["metadata"].get("finalizers") or []
    if FINALIZER not in finalizers:
        crd["metadata"]["finalizers"] = [*finalizers, FINALIZER]
    status = crd.get("status") or {}
    told = {
        "type": "Terminating",
        "status": "True",
        "lastTransitionTime": crd["metadata"]["deletionTimestamp"],
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    }
    others = [one for one in status.get("conditions") or () if one["type"] != "Terminating"]
    crd["status"] = {**status, "conditions": [*others, told]}


def _prepare_update(new: Object, old: Object) -> None:
    storage, status = _storage_version(new), new.get("status") or {}
    stored = status.get("storedVersions") or []
    if storage and storage not in stored:
        new["status"] = {**status, "storedVersions": [*stored, storage]}


def _validate_create(options: Options) -> Validate:
    def validate(crd: Object) -> Errors:
        return new_errors(v1beta1.from_v1(crd), options, _tools())

    return validate


def _validate_update(options: Options) -> ValidateUpdate:
    def validate(new: Object, old: Object) -> Errors:
        return update_errors(v1beta1.from_v1(new), v1beta1.from_v1(old), options, _tools())

    return validate


def _validate_status(new: Object, old: Object) -> Errors:
    return status_errors(new)


def _warnings(crd: Object) -> Iterator[str]:
    for version in crd["spec"].get("versions") or ():
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is not None:
            yield from schema_warnings(schema)


def _versions(crd: Object, now: datetime) -> str:
    served = [version for version in crd["spec"].get("versions") or () if version.get("served")]
    return ",".join(sorted(f"{one['name']}{'(storage)' if one.get('storage') else ''}" for one in served))


def _short_names(crd: Object, now: datetime) -> str:
    return ",".join(crd["spec"]["names"].get("shortNames") or ())


def _established(crd: Object, now: datetime) -> bool:
    return is_established(crd)


def _version(version: str, definition: str, options: Options, default: Callable[[Object], None]) -> ServedVersion:
    old = version == "v1beta1"
    return ServedVersion(
        _GROUP,
        version,
        definition,
        convert=v1beta1.CONVERSION if old else None,
        default=default,
        validate_create=_validate_create(options),
        validate_update=_validate_update(options),
        deprecated="1.16" if old else "",
        removed="1.22" if old else "",
        replacement=f"{_GROUP}/v1 CustomResourceDefinition" if old else "",
    )


KIND = Kind(
    name="CustomResourceDefinition",
    plural="customresourcedefinitions",
    versions=(
        _version("v1", _DEFINITION, NEW, v1beta1.default_common),
        _version("v1beta1", v1beta1.DEFINITION, NEW_V1BETA1, v1beta1.default),
    ),
    namespaced=False,
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    columns=(
        NAME,
        Column("Scope", text("spec", "scope"), description="Cluster/Namespaced"),
        Column("Versions", _versions, description="Served versions"),
        CREATED_AT,
        Column("Group", text("spec", "group"), priority=1, description="API group"),
        Column("Kind", text("spec", "names", "kind"), priority=1, description="CustomResource kind"),
        Column("ShortNames", _short_names, priority=1, description="Short names"),
        Column("Established", _established, type="boolean", priority=1, description="Established status"),
    ),
    definitions=v1beta1.define,
    defaults={v1beta1.V1 + "ServiceReference": {"port": 443}},
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    prepare_delete=_prepare_delete,
    validate_status_update=_validate_status,
    slow_validation=True,
    warnings=_warnings,
    allow_unconditional_update=False,
    short_finalizers=True,
)
