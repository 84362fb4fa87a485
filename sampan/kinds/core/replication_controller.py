"""ReplicationController: a number of equal pods, selected by an equality selector."""

from datetime import datetime

from sampan.kinds.checks import Errors
from sampan.kinds.columns import labels_text
from sampan.kinds.core.podspec_defaults import POD_SPEC_FUNCTIONS
from sampan.kinds.core.podspec_rules import POD_SPEC_RULES
from sampan.kinds.core.podspec_validation import validate_template
from sampan.kinds.prepare import fresh_status
from sampan.kinds.workloads import (
    REPLICA_COLUMNS,
    TEMPLATE,
    labels_from_template,
    runs_for_ever,
    selects_template,
    status_replicas,
    validate_replica_status,
    workload_defaults,
    workload_warnings,
)
from sampan.machinery.kind import Column, Kind, Scale, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import FieldRules, Minimum, Required

_DEFINITION = "io.k8s.api.core.v1.ReplicationController"
_RULES: FieldRules = {
    **POD_SPEC_RULES,
    _DEFINITION + "Spec": {
        "minReadySeconds": Minimum(0),
        "selector": Required(),
        "replicas": Minimum(0),
        "template": Required(),
    },
}


def _default(controller: Object) -> None:
    labels = labels_from_template(controller)
    if labels and not controller["spec"].get("selector"):
        controller["spec"]["selector"] = dict(labels)


def _validate(controller: Object) -> Errors:
    spec = controller["spec"]
    if spec.get("template") is None:
        return
    if spec.get("selector"):
        yield from selects_template({"matchLabels": spec["selector"]}, spec["template"])
    yield from validate_template(spec["template"], TEMPLATE)
    yield from runs_for_ever(spec["template"].get("spec") or {}, "ReplicationController")


def _selector(controller: Object, now: datetime) -> str:
    return labels_text(controller["spec"].get("selector"))


KIND = Kind(
    name="ReplicationController",
    plural="replicationcontrollers",
    versions=(
        ServedVersion("", "v1", _DEFINITION, default=_default),
        ServedVersion(  # whose autoscaler and kubectl scaled controllers there
            "extensions",
            "v1beta1",
            _DEFINITION,
            default=_default,
            scale_only=True,
            deprecated="1.2",
            removed="1.16",
            replacement="v1 ReplicationController",
        ),
    ),
    short_names=("rc",),
    categories=("all",),
    columns=(*REPLICA_COLUMNS, Column("Selector", _selector, priority=1, description="Labels of the pods.")),
    prepare_create=fresh_status(replicas=0),
    validate=_validate,
    validate_status_update=validate_replica_status,
    warnings=workload_warnings,
    scale=Scale(),
    selectable_fields={"status.replicas": status_replicas},
    default_orphan=True,
    defaults=workload_defaults(_DEFINITION, {"replicas": 1}),
    default_functions=POD_SPEC_FUNCTIONS,
    rules=_RULES,
)
