"""Deployment: declarative updates of pods by way of ReplicaSets.

The versions before apps/v1 differ in defaults (each its own) and, before apps/v1beta2, in `rollbackTo`, which is now an
annotation that the controller acts upon.
"""

from sampan.kinds.apps.replica_set import selector_is_immutable
from sampan.kinds.apps.rolling_update import validate_strategy
from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, CONTAINERS, IMAGES, NAME, count_column
from sampan.kinds.core.podspec_defaults import POD_SPEC_FUNCTIONS
from sampan.kinds.prepare import counting_metadata, fresh_status, in_metadata, keeping_metadata
from sampan.kinds.workloads import (
    READY_COLUMN,
    SELECTOR_COLUMN,
    selector_from_template,
    validate_replica_status,
    validate_selector_and_template,
    workload_defaults,
    workload_rules,
    workload_warnings,
)
from sampan.machinery.kind import Conversion, Kind, PrepareCreate, Scale, ServedVersion
from sampan.machinery.meta import Object, integer_of
from sampan.machinery.schema import Schema
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, invalid

ROLLBACK_ANNOTATION = "deprecated.deployment.rollback.to"
_NEVER = 2**31 - 1  # as a number of seconds or revisions: no limit
_V1 = "io.k8s.api.apps.v1.Deployment"
_REPLACEMENT = "apps/v1 Deployment"


_EXTENSIONS, _V1BETA1 = "io.k8s.api.extensions.v1beta1.Deployment", "io.k8s.api.apps.v1beta1.Deployment"
_SPEC_DEFAULTS = {"replicas": 1, "template": {}}


def _define_legacy(known: Schema) -> None:
    """Deployment with rollbackTo, as extensions/v1beta1 and apps/v1beta1 have it."""
    for definition in (_EXTENSIONS, _V1BETA1):
        rollback = definition.removesuffix("Deployment") + "RollbackConfig"
        known.define(rollback, {"revision": "int64"})
        known.derive(definition + "Spec", _V1 + "Spec", {"rollbackTo": rollback}, optional=["selector"])
        known.derive(definition, _V1, {"spec": definition + "Spec"})


def _defaults(*, step: int | str, history: int, deadline: int, selector: bool) -> PrepareCreate:
    """The defaults in which versions differ; `step` is how many pods a rolling update may add or take at a time."""

    def default(deployment: Object) -> None:
        spec = deployment["spec"]
        if selector:
            selector_from_template(deployment)
        strategy = spec.setdefault("strategy", {})
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            rolling.setdefault("maxUnavailable", step)
            rolling.setdefault("maxSurge", step)
        spec.setdefault("revisionHistoryLimit", history)
        spec.setdefault("progressDeadlineSeconds", deadline)

    return default


_DEFAULT_V1 = _defaults(step="25%", history=10, deadline=600, selector=False)


def _rollback_to_annotation(deployment: Object) -> Object:
    rollback = deployment["spec"].pop("rollbackTo", None)
    if rollback is not None:
        annotations = {**(deployment["metadata"].get("annotations") or {})}
        annotations[ROLLBACK_ANNOTATION] = str(rollback.get("revision", 0))
        deployment["metadata"]["annotations"] = annotations
    return deployment


def _rollback_from_annotation(deployment: Object) -> Object:
    annotations = dict(deployment["metadata"].get("annotations") or {})
    revision = integer_of(annotations.pop(ROLLBACK_ANNOTATION, ""))
    if revision is not None:
        deployment["spec"]["rollbackTo"] = {"revision": revision}
        deployment["metadata"]["annotations"] = annotations
        if not annotations:
            del deployment["metadata"]["annotations"]
    return deployment


_ROLLBACK = Conversion(_rollback_to_annotation, _rollback_from_annotation)


def _validate(deployment: Object) -> Errors:
    spec = deployment["spec"]
    yield from validate_selector_and_template(spec, "ReplicaSet")
    yield from validate_strategy(spec.get("strategy") or {}, SPEC.child("strategy"))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        yield invalid(SPEC.child("progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds")


def _validate_status_update(new: Object, old: Object) -> Errors:
    yield from validate_replica_status(new, old)
    count, old_count = (get_path(obj, ("status", "collisionCount"), 0) for obj in (new, old))
    if count < old_count:
        yield invalid(Path("status.collisionCount"), count, "cannot be decremented")


KIND = Kind(
    name="Deployment",
    plural="deployments",
    versions=(
        ServedVersion("apps", "v1", _V1, default=_DEFAULT_V1, validate_update=selector_is_immutable),
        ServedVersion(
            "apps",
            "v1beta2",
            _V1,
            default=_DEFAULT_V1,
            validate_update=selector_is_immutable,
            deprecated="1.9",
            removed="1.16",
            replacement=_REPLACEMENT,
        ),
        ServedVersion(
            "apps",
            "v1beta1",
            _V1BETA1,
            convert=_ROLLBACK,
            default=_defaults(step="25%", history=2, deadline=600, selector=True),
            default_orphan=True,
            deprecated="1.8",
            removed="1.16",
            replacement=_REPLACEMENT,
        ),
        ServedVersion(
            "extensions",
            "v1beta1",
            _EXTENSIONS,
            convert=_ROLLBACK,
            default=_defaults(step=1, history=_NEVER, deadline=_NEVER, selector=True),
            default_orphan=True,
            deprecated="1.8",
            removed="1.16",
            replacement=_REPLACEMENT,
        ),
    ),
    short_names=("deploy",),
    categories=("all",),
    columns=(
        NAME,
        READY_COLUMN,
        count_column("Up-to-date", "status", "updatedReplicas", description="Pods of the newest template."),
        count_column("Available", "status", "availableReplicas", description="Pods ready for minReadySeconds."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR_COLUMN,
    ),
    prepare_create=fresh_status(),
    prepare_status_update=keeping_metadata("labels"),
    reset_fields={"status": in_metadata("labels")},
    counted=counting_metadata("annotations"),  # the controller copies them to ReplicaSets
    validate=_validate,
    validate_status_update=_validate_status_update,
    warnings=workload_warnings,
    scale=Scale(),
    definitions=_define_legacy,
    defaults={
        **workload_defaults(_V1, _SPEC_DEFAULTS),
        **workload_defaults(_V1BETA1, _SPEC_DEFAULTS),
        **workload_defaults(_EXTENSIONS, _SPEC_DEFAULTS),
    },
    default_functions=POD_SPEC_FUNCTIONS,
    rules=workload_rules(_V1, "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"),
)
