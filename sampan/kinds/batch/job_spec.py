"""A JobSpec, of a Job or of a CronJob's template: defaults and what is wrong with one."""

from sampan.kinds.checks import Errors
from sampan.kinds.core.podspec_rules import POD_SPEC_RULES
from sampan.kinds.core.podspec_validation import validate_template
from sampan.kinds.workloads import TEMPLATE_DEFAULTS
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, MaxItems, Minimum, Required
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, invalid, not_supported, required

_SPEC = "io.k8s.api.batch.v1.JobSpec"
_MAX_INT32 = 2**31 - 1
_MAX_INDEXED_PARALLELISM = 100_000
_COUNTS = (
    *("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"),
    *("backoffLimitPerIndex", "maxFailedIndexes"),
)
_POLICIES = ("OnFailure", "Never")


def _completions(spec: Object) -> int | None:
    """A job of which nothing is said runs one pod; one with only parallelism is a work queue, without a count."""
    return 1 if spec.get("parallelism") is None else None


def _backoff_limit(spec: Object) -> int:
    return 6 if spec.get("backoffLimitPerIndex") is None else _MAX_INT32


def _replacement(spec: Object) -> str:
    return "TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed"


JOB_SPEC_DEFAULTS: FieldDefaults = {
    _SPEC: {
        "completions": _completions,
        "parallelism": lambda spec: 1,  # after completions, which asks whether it was set
        "backoffLimit": _backoff_limit,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": _replacement,
        "template": {},
    },
    "io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern": {"status": "True"},
    **TEMPLATE_DEFAULTS,
}


_ACTIONS = 'valid values: "Count", "FailIndex", "FailJob", "Ignore"'
JOB_SPEC_RULES: FieldRules = {
    _SPEC: {
        **dict.fromkeys(_COUNTS, Minimum(0)),
        "completionMode": Enum(("NonIndexed", "Indexed")),
        "podReplacementPolicy": Enum(),
    },
    "io.k8s.api.batch.v1.PodFailurePolicy": {"rules": MaxItems(20)},
    "io.k8s.api.batch.v1.PodFailurePolicyRule": {"action": (Required(_ACTIONS), Enum())},
    **POD_SPEC_RULES,
}


def is_indexed(spec: Object) -> bool:
    """Whether every pod has its own index (KEP-2214)."""
    return spec.get("completionMode") == "Indexed"


def validate_job_spec(spec: Object, path: Path) -> Errors:
    """Everything but the selector, which a template may not have."""
    yield from _indexed(spec, path)
    yield from _failure_policy(spec, path)
    template = spec.get("template") or {}
    yield from validate_template(template, path.child("template"))
    yield from _restart_policy(template, spec, path.child("template", "spec", "restartPolicy"))


def _indexed(spec: Object, path: Path) -> Errors:
    if is_indexed(spec):
        if spec.get("completions") is None:
            yield required(path.child("completions"), "when completion mode is Indexed")
        if spec.get("parallelism", 1) > _MAX_INDEXED_PARALLELISM:
            detail = f"must be less than or equal to {_MAX_INDEXED_PARALLELISM} when completion mode is Indexed"
            yield invalid(path.child("parallelism"), spec["parallelism"], detail)
        return
    for field in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
        if spec.get(field) is not None:
            yield invalid(path.child(field), spec[field], "requires indexed completion mode")


def _failure_policy(spec: Object, path: Path) -> Errors:
    rules, at = get_path(spec, ("podFailurePolicy", "rules"), []), path.child("podFailurePolicy", "rules")
    for index, rule in enumerate(rules):
        action, where = rule.get("action"), at.index(index).child("action")
        if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
            yield invalid(where, action, "requires the backoffLimitPerIndex to be set")
        yield from _exit_codes(rule.get("onExitCodes"), at.index(index).child("onExitCodes"))


def _exit_codes(codes: Object | None, path: Path) -> Errors:
    if codes is None:
        return
    operator, values = codes.get("operator") or "", codes.get("values") or []
    if operator not in ("In", "NotIn"):
        yield not_supported(path.child("operator"), operator, ("In", "NotIn"))
    if not values:
        yield invalid(path.child("values"), values, "at least one value is required")
    elif operator == "In" and 0 in values:
        yield invalid(path.child("values").index(values.index(0)), 0, "must not be 0 for the In operator")


def _restart_policy(template: Object, spec: Object, path: Path) -> Errors:
    """Pods of jobs end. Always is what a template gets that says nothing, so it counts as saying nothing."""
    policy = get_path(template, ("spec", "restartPolicy"), "")
    if policy in ("", "Always"):
        yield required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in _POLICIES:
        yield not_supported(path, policy, _POLICIES)
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        yield invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')
