"""A JobSpec, of a Job or of a CronJob's template: defaults and what is wrong with one."""

from sampan.kinds.checks import Errors, supported
from sampan.kinds.core.podspec_validation import validate_template
from sampan.kinds.workloads import TEMPLATE_DEFAULTS
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, invalid, non_negative, not_supported, required, too_many

_SPEC = "io.k8s.api.batch.v1.JobSpec"
_MAX_INT32 = 2**31 - 1
_MAX_INDEXED_PARALLELISM, _MAX_RULES = 100_000, 20
_COUNTS = (
    *("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"),
    *("backoffLimitPerIndex", "maxFailedIndexes"),
)
_POLICIES = ("OnFailure", "Never")
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")


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


def is_indexed(spec: Object) -> bool:
    """Whether every pod has its own index (KEP-2214)."""
    return spec.get("completionMode") == "Indexed"


def validate_job_spec(spec: Object, path: Path) -> Errors:
    """Everything but the selector, which a template may not have."""
    for field in _COUNTS:
        yield from non_negative(path.child(field), spec.get(field))
    yield from supported(path.child("completionMode"), spec.get("completionMode"), ("NonIndexed", "Indexed"))
    yield from _indexed(spec, path)
    yield from _failure_policy(spec, path)
    policies = ("Failed", "TerminatingOrFailed")
    yield from supported(path.child("podReplacementPolicy"), spec.get("podReplacementPolicy"), policies)
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
    if len(rules) > _MAX_RULES:
        yield too_many(at, len(rules), _MAX_RULES)
    for index, rule in enumerate(rules):
        action, where = rule.get("action") or "", at.index(index).child("action")
        if not action:
            yield required(where, "valid values: " + ", ".join(f'"{known}"' for known in _ACTIONS))
        elif action not in _ACTIONS:
            yield not_supported(where, action, _ACTIONS)
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
