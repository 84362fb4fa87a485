"""Job: pods that run until some number of them have succeeded."""

from datetime import datetime

from sampan.kinds.batch.job_spec import JOB_SPEC_DEFAULTS, JOB_SPEC_RULES, is_indexed, validate_job_spec
from sampan.kinds.checks import SPEC, Errors, unchanged
from sampan.kinds.columns import AGE, CONTAINERS, IMAGES, NAME
from sampan.kinds.core.podspec_defaults import POD_SPEC_FUNCTIONS
from sampan.kinds.workloads import (
    SELECTOR,
    SELECTOR_COLUMN,
    TEMPLATE,
    labels_from_template,
    selects_template,
    workload_warnings,
)
from sampan.machinery.durations import duration_human
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object, is_deleting, parse_time
from sampan.machinery.rules import FieldRules, Immutable, Required, together
from sampan.machinery.tree import get_path
from sampan.machinery.validation import (
    Path,
    invalid,
    non_negative,
    required,
    validate_label_selector,
)

UID_LABEL, NAME_LABEL = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"
# Conditions that STATUS shows when they are true; the first counts, and deletion comes between the two.
_ENDED, _UNDER_WAY = ("Complete", "Failed"), ("Suspended", "FailureTarget", "SuccessCriteriaMet")
_SCHEDULING = ("nodeSelector", "affinity", "tolerations", "schedulingGates")

_DEFAULTS = {"io.k8s.api.batch.v1.Job": {"spec": {}}, **JOB_SPEC_DEFAULTS}
_FIXED: FieldRules = {
    "io.k8s.api.batch.v1.JobSpec": {
        "selector": (Required(), Immutable()),
        **dict.fromkeys(
            ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"), Immutable()
        ),
    },
}


def _default(job: Object) -> None:
    labels_from_template(job)


def _prepare_create(job: Object) -> None:
    """Select by the job's own uid, so that no two jobs ever share pods (unless the client selects by hand)."""
    job["status"] = {}
    spec, uid, name = job["spec"], job["metadata"].get("uid") or "", job["metadata"].get("name") or ""
    if spec.get("manualSelector"):
        return
    own = {UID_LABEL: uid, "controller-uid": uid, NAME_LABEL: name, "job-name": name}
    metadata = spec["template"].setdefault("metadata", {})
    metadata["labels"] = {**own, **(metadata.get("labels") or {})}
    selector = spec.setdefault("selector", {})
    selector["matchLabels"] = {UID_LABEL: uid, **(selector.get("matchLabels") or {})}


def _validate(job: Object) -> Errors:
    spec = job["spec"]
    yield from _generated_labels(job)
    yield from validate_job_spec(spec, SPEC)
    yield from validate_label_selector(spec.get("selector"), SELECTOR)
    yield from selects_template(spec.get("selector"), spec.get("template") or {})


def _generated_labels(job: Object) -> Errors:
    """Without manualSelector, a client may not bring labels that contradict the generated ones."""
    if job["spec"].get("manualSelector"):
        return
    labels = get_path(job, ("spec", "template", "metadata", "labels"), {})
    metadata = job["metadata"]
    for key, wanted in ((UID_LABEL, metadata.get("uid") or ""), (NAME_LABEL, metadata.get("name") or "")):
        if labels.get(key) != wanted:
            yield invalid(TEMPLATE.child("metadata", "labels").key(key), labels, f"must be '{wanted}'")


def _validate_update(new: Object, old: Object) -> Errors:
    after, before = new["spec"], old["spec"]
    yield from _completions(after, before)
    yield from unchanged(TEMPLATE, _fixed_template(after, old), _fixed_template(before, old))


def _completions(after: Object, before: Object) -> Errors:
    """An indexed job may grow and shrink, its parallelism with it (KEP-3715)."""
    new, path = after.get("completions"), SPEC.child("completions")
    if not is_indexed(after):
        yield from unchanged(path, new, before.get("completions"))
    elif new != before.get("completions") and new != after.get("parallelism"):
        yield invalid(path, new, "can only be modified in tandem with spec.parallelism")


def _fixed_template(spec: Object, old: Object) -> Object:
    """The template without what may change while a job is suspended and has never run (KEP-2926)."""
    template: Object = spec.get("template") or {}
    if not old["spec"].get("suspend") or get_path(old, ("status", "startTime")):
        return template
    pod_spec = {field: value for field, value in (template.get("spec") or {}).items() if field not in _SCHEDULING}
    metadata = {k: v for k, v in (template.get("metadata") or {}).items() if k not in ("labels", "annotations")}
    return {"metadata": metadata, "spec": pod_spec}


def _validate_status_update(new: Object, old: Object) -> Errors:
    for field in ("active", "succeeded", "failed", "ready", "terminating"):
        yield from non_negative(Path("status").child(field), get_path(new, ("status", field)))
    yield from _completion_time(new, old)


def _completion_time(new: Object, old: Object) -> Errors:
    """Set with the condition Complete and never moved; a rule is not held against what an update leaves alone."""
    path = Path("status").child("completionTime")
    finished, before = (get_path(job, ("status", "completionTime")) for job in (new, old))
    started, began = (get_path(job, ("status", "startTime")) for job in (new, old))
    complete, moved = _is_true(new, "Complete"), finished != before
    if moved or complete != _is_true(old, "Complete"):
        if finished and not complete:
            yield invalid(path, finished, "cannot set completionTime when there is no Complete=True condition")
        elif complete and not finished:
            yield required(path, "completionTime is required for Complete jobs")
    if (moved or started != began) and started and finished and parse_time(finished) < parse_time(started):
        yield invalid(path, finished, "must be equal to or after `startTime`")
    if moved and finished and before:
        yield invalid(path, finished, "field is immutable")


def _is_true(job: Object, condition: str) -> bool:
    conditions = get_path(job, ("status", "conditions"), [])
    return any(one["type"] == condition and one.get("status") == "True" for one in conditions)


def _status(job: Object, now: datetime) -> str:
    true = {c["type"] for c in get_path(job, ("status", "conditions"), []) if c.get("status") == "True"}
    if ended := [state for state in _ENDED if state in true]:
        return ended[0]
    if is_deleting(job):
        return "Terminating"
    return next((state for state in _UNDER_WAY if state in true), "Running")


def _completions_cell(job: Object, now: datetime) -> str:
    succeeded, completions = get_path(job, ("status", "succeeded"), 0), job["spec"].get("completions")
    if completions is not None:
        return f"{succeeded}/{completions}"
    parallelism = job["spec"].get("parallelism", 0)
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(job: Object, now: datetime) -> str:
    start, end = (get_path(job, ("status", field)) for field in ("startTime", "completionTime"))
    if not start:
        return ""
    return duration_human(((parse_time(end) if end else now) - parse_time(start)).total_seconds())


KIND = Kind(
    name="Job",
    plural="jobs",
    versions=(ServedVersion("batch", "v1", "io.k8s.api.batch.v1.Job", default=_default),),
    categories=("all",),
    columns=(
        NAME,
        Column("Status", _status, description="Running, or how it ended."),
        Column("Completions", _completions_cell, description="Pods that succeeded out of those wanted."),
        Column("Duration", _duration, description="How long it ran, or has been running."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR_COLUMN,
    ),
    prepare_create=_prepare_create,
    validate=_validate,
    validate_update=_validate_update,
    validate_status_update=_validate_status_update,
    warnings=workload_warnings,
    selectable_fields={"status.successful": lambda job: str(get_path(job, ("status", "succeeded"), 0))},
    default_orphan=True,
    defaults=_DEFAULTS,
    default_functions=POD_SPEC_FUNCTIONS,
    rules=together(JOB_SPEC_RULES, _FIXED),
)
