"""StatefulSet: pods with names and volumes of their own, started and stopped in order."""

from sampan.kinds.apps.rolling_update import at_most_all, int_or_percent
from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, CONTAINERS, IMAGES, NAME
from sampan.kinds.core.podspec_defaults import POD_SPEC_FUNCTIONS
from sampan.kinds.prepare import fresh_status
from sampan.kinds.workloads import (
    READY_COLUMN,
    TEMPLATE,
    present_selector,
    runs_for_ever,
    selector_from_template,
    selects_template,
    validate_replica_status,
    workload_defaults,
    workload_warnings,
)
from sampan.machinery.kind import Kind, PrepareCreate, Scale, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Minimum, Required
from sampan.machinery.schema import Schema
from sampan.machinery.tree import semantic_equal
from sampan.machinery.validation import (
    forbidden,
    invalid,
    non_negative,
    required,
    validate_annotations,
    validate_labels,
)

_DEFINITION, _V1BETA1 = "io.k8s.api.apps.v1.StatefulSet", "io.k8s.api.apps.v1beta1.StatefulSet"
_REPLACEMENT = "apps/v1 StatefulSet"
_STRATEGY = SPEC.child("updateStrategy")
_CHANGEABLE = (
    *("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"),
    *("persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
)
_FIXED_TEXT = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)

_SPEC_DEFAULTS = {
    "replicas": 1,
    "template": {},
    "podManagementPolicy": "OrderedReady",
    "revisionHistoryLimit": 10,
    "persistentVolumeClaimRetentionPolicy": {},
}

_RETENTION = {_DEFINITION + "PersistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"}}

_KEEP = Enum(("Retain", "Delete"))
_RULES: FieldRules = {
    _DEFINITION + "Spec": {
        "podManagementPolicy": Required(),
        **dict.fromkeys(("replicas", "minReadySeconds", "revisionHistoryLimit"), Minimum(0)),
    },
    _DEFINITION + "PersistentVolumeClaimRetentionPolicy": {"whenDeleted": _KEEP, "whenScaled": _KEEP},
    _DEFINITION + "Ordinals": {"start": Minimum(0)},
}


def _define_legacy(known: Schema) -> None:
    known.derive(_V1BETA1 + "Spec", _DEFINITION + "Spec", optional=["selector"])
    known.derive(_V1BETA1, _DEFINITION, {"spec": _V1BETA1 + "Spec"})


def _defaults(strategy: str, *, selector: bool) -> PrepareCreate:
    def default(stateful_set: Object) -> None:
        spec = stateful_set["spec"]
        if selector:
            selector_from_template(stateful_set)
        update = spec.setdefault("updateStrategy", {})
        update.setdefault("type", strategy)
        if update["type"] == "RollingUpdate":
            rolling = update.setdefault("rollingUpdate", {})
            rolling.setdefault("partition", 0)
            rolling.setdefault("maxUnavailable", 1)
        for template in spec.get("volumeClaimTemplates") or ():
            template |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}

    return default


_DEFAULT_V1 = _defaults("RollingUpdate", selector=False)


def _validate(stateful_set: Object) -> Errors:
    spec = stateful_set["spec"]
    policy = spec.get("podManagementPolicy")
    if policy and policy not in ("OrderedReady", "Parallel"):
        yield invalid(SPEC.child("podManagementPolicy"), policy, "must be 'OrderedReady' or 'Parallel'")
    yield from _strategy(spec.get("updateStrategy") or {})
    yield from _selector_and_template(spec)


def _strategy(strategy: Object) -> Errors:
    type_, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if not type_:
        yield required(_STRATEGY)
    elif type_ == "OnDelete":
        if rolling is not None:
            detail = "only allowed for updateStrategy 'RollingUpdate'"
            yield invalid(_STRATEGY.child("rollingUpdate"), rolling, detail)
    elif type_ != "RollingUpdate":
        yield invalid(_STRATEGY, strategy, "must be 'RollingUpdate' or 'OnDelete'")
    else:
        yield from _rolling(rolling or {})


def _rolling(rolling: Object) -> Errors:
    path, unavailable = _STRATEGY.child("rollingUpdate"), rolling.get("maxUnavailable")
    yield from non_negative(path.child("partition"), rolling.get("partition"))
    if unavailable is not None:
        yield from int_or_percent(unavailable, path.child("maxUnavailable"))
        if unavailable in (0, "0%"):
            yield invalid(path.child("maxUnavailable"), unavailable, "cannot be 0")
        yield from at_most_all(unavailable, path.child("maxUnavailable"))


def _selector_and_template(spec: Object) -> Errors:
    """Only the template's metadata is checked: its mounts name volumes that claim templates will bring."""
    selector, template = spec.get("selector"), spec.get("template") or {}
    metadata = template.get("metadata") or {}
    yield from present_selector(selector, "statefulset")
    yield from selects_template(selector, template)
    yield from validate_labels(metadata.get("labels"), TEMPLATE.child("labels"))
    yield from validate_annotations(metadata.get("annotations"), TEMPLATE.child("annotations"))
    yield from runs_for_ever(template.get("spec") or {}, "StatefulSet")


def _validate_update(new: Object, old: Object) -> Errors:
    """Names and volumes hang on the rest of the spec."""
    after, before = new["spec"], old["spec"]
    fixed = (after.keys() | before.keys()) - set(_CHANGEABLE)
    if any(not semantic_equal(after.get(field), before.get(field)) for field in fixed):
        yield forbidden(SPEC, _FIXED_TEXT)


KIND = Kind(
    name="StatefulSet",
    plural="statefulsets",
    versions=(
        ServedVersion("apps", "v1", _DEFINITION, default=_DEFAULT_V1),
        ServedVersion(
            "apps",
            "v1beta2",
            _DEFINITION,
            default=_DEFAULT_V1,
            deprecated="1.9",
            removed="1.16",
            replacement=_REPLACEMENT,
        ),
        ServedVersion(
            "apps",
            "v1beta1",
            _V1BETA1,
            default=_defaults("OnDelete", selector=True),
            default_orphan=True,
            deprecated="1.8",
            removed="1.16",
            replacement=_REPLACEMENT,
        ),
    ),
    short_names=("sts",),
    categories=("all",),
    columns=(
        NAME,
        READY_COLUMN,
        AGE,
        CONTAINERS,
        IMAGES,
    ),
    prepare_create=fresh_status(replicas=0, availableReplicas=0),
    validate=_validate,
    validate_update=_validate_update,
    validate_status_update=validate_replica_status,
    warnings=workload_warnings,
    scale=Scale(),
    definitions=_define_legacy,
    defaults={
        **workload_defaults(_DEFINITION, _SPEC_DEFAULTS),
        **workload_defaults(_V1BETA1, _SPEC_DEFAULTS),
        **_RETENTION,
    },
    default_functions=POD_SPEC_FUNCTIONS,
    rules=_RULES,
)
