"""DaemonSet: one pod on every node, or on some.

Before apps/v1beta2, `templateGeneration` counted changes of the template; it is now an annotation, kept for readers of
the old versions.
"""

from datetime import datetime

from sampan.kinds.apps.replica_set import selector_is_immutable
from sampan.kinds.apps.rolling_update import validate_daemon_strategy
from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, CONTAINERS, IMAGES, NAME, count_column, labels_text
from sampan.kinds.core.podspec_defaults import POD_SPEC_FUNCTIONS
from sampan.kinds.core.podspec_validation import validate_template
from sampan.kinds.workloads import (
    SELECTOR,
    SELECTOR_COLUMN,
    TEMPLATE,
    not_empty,
    runs_for_ever,
    selector_from_template,
    selects_template,
    workload_defaults,
    workload_rules,
    workload_warnings,
)
from sampan.machinery.kind import Column, Conversion, Kind, PrepareCreate, ServedVersion
from sampan.machinery.meta import Object, annotations_of, integer_of
from sampan.machinery.schema import Schema
from sampan.machinery.tree import get_path, semantic_equal
from sampan.machinery.validation import Path, non_negative, validate_label_selector

GENERATION_ANNOTATION = "deprecated.daemonset.template.generation"
_V1, _EXTENSIONS = "io.k8s.api.apps.v1.DaemonSet", "io.k8s.api.extensions.v1beta1.DaemonSet"
_REPLACEMENT = "apps/v1 DaemonSet"
_COUNTS = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")

_SPEC_DEFAULTS = {"template": {}, "revisionHistoryLimit": 10}


def _define_legacy(known: Schema) -> None:
    known.derive(_EXTENSIONS + "Spec", _V1 + "Spec", {"templateGeneration": "int64"}, optional=["selector"])
    known.derive(_EXTENSIONS, _V1, {"spec": _EXTENSIONS + "Spec"})


def _defaults(strategy: str, *, selector: bool) -> PrepareCreate:
    def default(daemon_set: Object) -> None:
        if selector:
            selector_from_template(daemon_set)
        update = daemon_set["spec"].setdefault("updateStrategy", {})
        update.setdefault("type", strategy)
        if update["type"] == "RollingUpdate":
            rolling = update.setdefault("rollingUpdate", {})
            rolling.setdefault("maxUnavailable", 1)
            rolling.setdefault("maxSurge", 0)

    return default


_DEFAULT_V1 = _defaults("RollingUpdate", selector=False)


def _annotate(daemon_set: Object, generation: str) -> None:
    annotations = daemon_set["metadata"].get("annotations") or {}
    daemon_set["metadata"]["annotations"] = {**annotations, GENERATION_ANNOTATION: generation}


def _to_storage(daemon_set: Object) -> Object:
    generation = daemon_set["spec"].pop("templateGeneration", None)
    if generation is not None:
        _annotate(daemon_set, str(generation))
    return daemon_set


def _from_storage(daemon_set: Object) -> Object:
    annotations = dict(annotations_of(daemon_set))
    generation = integer_of(annotations.pop(GENERATION_ANNOTATION, ""))
    if generation is not None:
        daemon_set["spec"]["templateGeneration"] = generation
        daemon_set["metadata"]["annotations"] = annotations
        if not annotations:
            del daemon_set["metadata"]["annotations"]
    return daemon_set


def _generation(daemon_set: Object) -> int:
    return max(integer_of(annotations_of(daemon_set).get(GENERATION_ANNOTATION, "")) or 1, 1)


def _prepare_create(daemon_set: Object) -> None:
    daemon_set["status"] = dict.fromkeys(_COUNTS, 0)
    _annotate(daemon_set, str(_generation(daemon_set)))


def _prepare_update(new: Object, old: Object) -> None:
    """The template's generation is the server's to count, not the client's to set."""
    changed = not semantic_equal(new["spec"].get("template"), old["spec"].get("template"))
    _annotate(new, str(_generation(old) + changed))


def _validate(daemon_set: Object) -> Errors:
    spec = daemon_set["spec"]
    selector, template = spec.get("selector"), spec.get("template") or {}
    yield from validate_label_selector(selector, SELECTOR)
    yield from selects_template(selector, template)
    if selector is not None:
        yield from not_empty(selector, "daemonset")
    yield from validate_template(template, TEMPLATE)
    yield from runs_for_ever(template.get("spec") or {}, "DaemonSet")
    yield from validate_daemon_strategy(spec.get("updateStrategy") or {}, SPEC.child("updateStrategy"))


def _validate_status_update(new: Object, old: Object) -> Errors:
    fields = (*_COUNTS, "observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable")
    for field in fields:
        yield from non_negative(Path("status").child(field), get_path(new, ("status", field)))


def _node_selector(daemon_set: Object, now: datetime) -> str:
    return labels_text(get_path(daemon_set, ("spec", "template", "spec", "nodeSelector")))


KIND = Kind(
    name="DaemonSet",
    plural="daemonsets",
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
            "extensions",
            "v1beta1",
            _EXTENSIONS,
            convert=Conversion(_to_storage, _from_storage),
            default=_defaults("OnDelete", selector=True),
            default_orphan=True,
            deprecated="1.8",
            removed="1.16",
            replacement=_REPLACEMENT,
        ),
    ),
    short_names=("ds",),
    categories=("all",),
    columns=(
        NAME,
        count_column("Desired", "status", "desiredNumberScheduled", description="Nodes that shall run a pod."),
        count_column("Current", "status", "currentNumberScheduled", description="Nodes that have one."),
        count_column("Ready", "status", "numberReady", description="Nodes whose pod is ready."),
        count_column("Up-to-date", "status", "updatedNumberScheduled", description="Pods of the newest template."),
        count_column("Available", "status", "numberAvailable", description="Pods ready for minReadySeconds."),
        Column("Node Selector", _node_selector, description="Labels of the nodes that get a pod."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR_COLUMN,
    ),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    validate_status_update=_validate_status_update,
    warnings=workload_warnings,
    definitions=_define_legacy,
    defaults={**workload_defaults(_V1, _SPEC_DEFAULTS), **workload_defaults(_EXTENSIONS, _SPEC_DEFAULTS)},
    default_functions=POD_SPEC_FUNCTIONS,
    rules=workload_rules(_V1, "minReadySeconds", "revisionHistoryLimit"),
)
