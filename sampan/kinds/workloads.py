"""What kinds that keep pods from a template share: defaults, checks and columns.

ReplicationController, ReplicaSet, Deployment and their like call these. The template's pod spec is checked in
core/podspec_validation.py.
"""

from collections.abc import Mapping
from datetime import datetime

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, CONTAINERS, IMAGES, NAME, NONE, count_column
from sampan.kinds.core.pod_warnings import Warnings, name_warnings, template_warnings
from sampan.kinds.core.podspec_defaults import POD_SPEC_DEFAULTS
from sampan.kinds.core.podspec_rules import POD_SPEC_RULES
from sampan.kinds.core.podspec_validation import validate_template
from sampan.machinery.defaulting import Default, FieldDefaults
from sampan.machinery.kind import Column
from sampan.machinery.meta import Object
from sampan.machinery.rules import FieldRules, Minimum
from sampan.machinery.selectors import SelectorError, from_label_selector
from sampan.machinery.tree import get_path
from sampan.machinery.validation import (
    Path,
    forbidden,
    invalid,
    non_negative,
    not_supported,
    required,
    validate_label_selector,
)

SELECTOR, TEMPLATE = SPEC.child("selector"), SPEC.child("template")
MISMATCH = "`selector` does not match template `labels`"

TEMPLATE_DEFAULTS: FieldDefaults = {
    "io.k8s.api.core.v1.PodTemplateSpec": {"metadata": {}, "spec": {}},
    **POD_SPEC_DEFAULTS,
}


def workload_defaults(definition: str, spec: Mapping[str, Default]) -> FieldDefaults:
    """The type defaults of a kind with a pod template, given those of its spec."""
    return {definition: {"spec": {}}, definition + "Spec": spec, **TEMPLATE_DEFAULTS}


def workload_rules(definition: str, *counts: str) -> FieldRules:
    """The rules of a kind with a pod template: those of the template, and numbers that may not be negative."""
    return {definition + "Spec": dict.fromkeys(counts, Minimum(0)), **POD_SPEC_RULES}


def labels_from_template(obj: Object) -> Mapping[str, str]:
    """Default of older versions: an object without labels has its template's. Returns those."""
    labels: Mapping[str, str] = get_path(obj, ("spec", "template", "metadata", "labels"), {})
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)
    return labels


def selector_from_template(obj: Object) -> None:
    """Default of the versions before apps/v1beta2: the selector, and labels_from_template."""
    labels = labels_from_template(obj)
    if labels and obj["spec"].get("selector") is None:
        obj["spec"]["selector"] = {"matchLabels": dict(labels)}


def validate_selector_and_template(spec: Object, kind: str) -> Errors:
    """A label selector that is not empty, and a template that it selects, for pods that run for ever."""
    selector, template = spec.get("selector"), spec.get("template") or {}
    yield from present_selector(selector, "deployment")
    yield from selects_template(selector, template)
    yield from validate_template(template, TEMPLATE)
    yield from runs_for_ever(template.get("spec") or {}, kind)


def present_selector(selector: Object | None, kind: str) -> Errors:
    """A selector is there, and in form. One that is missing selects nothing, which selects_template says besides."""
    if selector is None:
        yield required(SELECTOR)
    else:
        yield from validate_label_selector(selector, SELECTOR)
        yield from not_empty(selector, kind)


def not_empty(selector: Object, kind: str) -> Errors:
    """An empty selector would select every pod of the namespace."""
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid(SELECTOR, selector, f"empty selector is invalid for {kind}")


def selects_template(selector: Object | None, template: Object) -> Errors:
    """The controller recognises the pods that it makes as its own."""
    labels = get_path(template, ("metadata", "labels"), {})
    try:
        matches = from_label_selector(selector).matches(labels)
    except SelectorError:
        yield invalid(SELECTOR, selector, "invalid label selector")
        return
    if not matches:
        yield invalid(TEMPLATE.child("metadata", "labels"), labels, MISMATCH)


def runs_for_ever(spec: Object, kind: str) -> Errors:
    """Pods that a controller replaces when they end may not end by themselves."""
    if (policy := spec.get("restartPolicy", "Always")) != "Always":
        yield not_supported(TEMPLATE.child("spec", "restartPolicy"), policy, ["Always"])
    if spec.get("activeDeadlineSeconds") is not None:
        detail = f"activeDeadlineSeconds in {kind} is not Supported"
        yield forbidden(TEMPLATE.child("spec", "activeDeadlineSeconds"), detail)


def workload_warnings(obj: Object) -> Warnings:
    """What is unwise about a workload: its name as part of host names, its template."""
    yield from name_warnings(obj, "Pod names and hostnames")
    yield from template_warnings(obj["spec"].get("template") or {}, TEMPLATE)


def validate_replica_status(new: Object, old: Object) -> Errors:
    """Numbers of a status that contradict each other can't come from a sane controller."""
    status, path = new.get("status") or {}, Path("status")
    parts = ("fullyLabeledReplicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    count = {field: status.get(field) or 0 for field in ("replicas", *parts, "observedGeneration")}
    for field, number in count.items():
        yield from non_negative(path.child(field), number)
    for field in parts:
        if count[field] > count["replicas"]:
            yield invalid(path.child(field), count[field], "cannot be greater than status.replicas")
    if count["availableReplicas"] > count["readyReplicas"]:
        detail = "cannot be greater than readyReplicas"
        yield invalid(path.child("availableReplicas"), count["availableReplicas"], detail)


def status_replicas(obj: Object) -> str:
    """status.replicas, for field selectors."""
    return str(get_path(obj, ("status", "replicas"), 0))


def selector_text(obj: Object, now: datetime) -> str:
    """A label selector as text: a=b,c in (d,e)."""
    return str(from_label_selector(get_path(obj, ("spec", "selector")))) or NONE


def _ready(obj: Object, now: datetime) -> str:
    return f"{get_path(obj, ('status', 'readyReplicas'), 0)}/{obj['spec'].get('replicas', 0)}"


READY_COLUMN = Column("Ready", _ready, description="Ready pods out of those desired.")

SELECTOR_COLUMN = Column("Selector", selector_text, priority=1, description="Labels of the pods.")

REPLICA_COLUMNS = (
    NAME,
    count_column("Desired", "spec", "replicas", description="How many pods there shall be."),
    count_column("Current", "status", "replicas", description="How many there are."),
    count_column("Ready", "status", "readyReplicas", description="How many of them are ready."),
    AGE,
    CONTAINERS,
    IMAGES,
)
