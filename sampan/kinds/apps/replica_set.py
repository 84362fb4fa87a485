"""ReplicaSet: a number of equal pods, selected by a label selector. extensions/v1beta1 defaulted the selector."""

from sampan.kinds.checks import SPEC, Errors, unchanged
from sampan.kinds.core.podspec_defaults import POD_SPEC_FUNCTIONS
from sampan.kinds.prepare import fresh_status
from sampan.kinds.workloads import (
    REPLICA_COLUMNS,
    SELECTOR_COLUMN,
    selector_from_template,
    status_replicas,
    validate_replica_status,
    validate_selector_and_template,
    workload_defaults,
    workload_rules,
    workload_warnings,
)
from sampan.machinery.kind import Kind, Scale, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Schema

_DEFINITION = "io.k8s.api.apps.v1.ReplicaSet"
_REPLACEMENT = "apps/v1 ReplicaSet"

_EXTENSIONS = "io.k8s.api.extensions.v1beta1.ReplicaSet"

_SPEC_DEFAULTS = {"replicas": 1, "template": {}}


def _define_legacy(known: Schema) -> None:
    known.derive(_EXTENSIONS + "Spec", _DEFINITION + "Spec", optional=["selector"])
    known.derive(_EXTENSIONS, _DEFINITION, {"spec": _EXTENSIONS + "Spec"})


def _validate(replica_set: Object) -> Errors:
    return validate_selector_and_template(replica_set["spec"], "ReplicaSet")


def selector_is_immutable(new: Object, old: Object) -> Errors:
    """The rule that apps/v1beta2 brought: a changed selector would orphan what the old one selected."""
    return unchanged(SPEC.child("selector"), new["spec"].get("selector"), old["spec"].get("selector"))


KIND = Kind(
    name="ReplicaSet",
    plural="replicasets",
    versions=(
        ServedVersion("apps", "v1", _DEFINITION, validate_update=selector_is_immutable),
        ServedVersion(
            "apps",
            "v1beta2",
            _DEFINITION,
            validate_update=selector_is_immutable,
            deprecated="1.9",
            removed="1.16",
            replacement=_REPLACEMENT,
        ),
        ServedVersion(
            "extensions",
            "v1beta1",
            _EXTENSIONS,
            default=selector_from_template,
            default_orphan=True,
            deprecated="1.8",
            removed="1.16",
            replacement=_REPLACEMENT,
        ),
    ),
    short_names=("rs",),
    categories=("all",),
    columns=(*REPLICA_COLUMNS, SELECTOR_COLUMN),
    prepare_create=fresh_status(replicas=0),
    validate=_validate,
    validate_status_update=validate_replica_status,
    warnings=workload_warnings,
    scale=Scale(),
    selectable_fields={"status.replicas": status_replicas},
    definitions=_define_legacy,
    defaults={**workload_defaults(_DEFINITION, _SPEC_DEFAULTS), **workload_defaults(_EXTENSIONS, _SPEC_DEFAULTS)},
    default_functions=POD_SPEC_FUNCTIONS,
    rules=workload_rules(_DEFINITION, "replicas", "minReadySeconds"),
)
