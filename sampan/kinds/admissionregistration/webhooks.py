"""What ValidatingWebhookConfiguration and MutatingWebhookConfiguration share: types, defaults, rules, warnings.

A rule that came after the first objects binds an object only from when it obeys it: `Strictness` says which do. v1beta1
lets webhooks have side effects and share a name. Rules and texts:
k8s.io/kubernetes/pkg/apis/admissionregistration (v1/defaults.go, v1beta1/defaults.go, validation).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sampan.kinds.admissionregistration.rules import (
    CATEGORIES,
    GROUP,
    OPERATION_RULES,
    static_name_warnings,
    validate_match_conditions,
    validate_rule,
    validate_static_name,
)
from sampan.kinds.checks import Errors, each, supported
from sampan.kinds.columns import AGE, NAME
from sampan.kinds.webhook_clients import REVIEW_VERSIONS, validate_client_config, validate_review_versions
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, Range, Rules
from sampan.machinery.schema import Schema
from sampan.machinery.validation import (
    Path,
    dns_subdomain,
    duplicate,
    invalid,
    required,
    validate_label_selector,
)

_V1, _V1BETA1 = (f"io.k8s.api.admissionregistration.{version}." for version in ("v1", "v1beta1"))
_WEBHOOKS = Path("webhooks")
_SIDE_EFFECTS, _NO_SIDE_EFFECTS = ("None", "NoneOnDryRun", "Some", "Unknown"), ("None", "NoneOnDryRun")
_RULES: Rules = {
    "failurePolicy": Enum(),
    "matchPolicy": Enum(),
    "timeoutSeconds": Range(1, 30, "the timeout value must be between 1 and 30 seconds"),
}
# Reviews of the request itself; a webhook for them could lock everybody out.
_NOT_INTERCEPTED = {
    *(("authentication.k8s.io", name) for name in ("selfsubjectreviews", "tokenreviews")),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    *(
        ("authorization.k8s.io", f"{name}reviews")
        for name in ("selfsubjectaccess", "selfsubjectrules", "subjectaccess")
    ),
}


@dataclass(frozen=True, slots=True)
class Strictness:
    """Which of the later rules bind an object."""

    no_side_effects: bool = True
    known_review: bool = True
    unique_names: bool = True
    label_values: bool = True
    conditions: bool = True


def webhook_kind(name: str, plural: str, webhook: str, *, mutating: bool) -> Kind:
    """The kind of one of the two configurations, whose webhooks are of the type `webhook`."""
    strict, lenient = Strictness(), Strictness(no_side_effects=False, unique_names=False)
    return Kind(
        name=name,
        plural=plural,
        versions=(
            ServedVersion(GROUP, "v1", _V1 + name, validate_create=lambda obj: _validate(obj, strict)),
            ServedVersion(
                GROUP,
                "v1beta1",
                _V1BETA1 + name,
                validate_create=lambda obj: _validate(obj, lenient),
                deprecated="1.16",
                removed="1.22",
                replacement=f"{GROUP}/v1 {name}",
            ),
        ),
        namespaced=False,
        categories=CATEGORIES,
        columns=(NAME, Column("Webhooks", _count, type="integer", description="How many webhooks it has."), AGE),
        validate_create=validate_static_name,
        slow_validation=True,
        validate_update=lambda new, old: _validate(new, _strictness(new, old)),
        warnings=_warnings,
        has_status=False,
        allow_unconditional_update=False,
        definitions=lambda known: _define(known, name, webhook),
        defaults=_defaults(webhook, {"reinvocationPolicy": "Never"} if mutating else {}),
        rules={
            _V1 + webhook: {**_RULES, **({"reinvocationPolicy": Enum()} if mutating else {})},
            _V1 + "RuleWithOperations": OPERATION_RULES,
        },
    )


def _define(known: Schema, name: str, webhook: str) -> None:
    """The types of v1beta1: those of v1 with defaults of their own."""
    optional = ("admissionReviewVersions", "sideEffects")
    known.derive(_V1BETA1 + webhook, _V1 + webhook, optional=optional)
    webhooks = known.definition(_V1 + name).fields["webhooks"]
    assert webhooks.items is not None
    items = replace(webhooks.items, ref=_V1BETA1 + webhook)
    known.derive(_V1BETA1 + name, _V1 + name, {"webhooks": replace(webhooks, items=items)})


def _defaults(webhook: str, extra: Mapping[str, Any]) -> FieldDefaults:
    both = {"namespaceSelector": {}, "objectSelector": {}, **extra}
    new = {"failurePolicy": "Fail", "matchPolicy": "Equivalent", "timeoutSeconds": 10}
    old = {"failurePolicy": "Ignore", "matchPolicy": "Exact", "timeoutSeconds": 30, "sideEffects": "Unknown"}
    reviews = {"admissionReviewVersions": ["v1beta1"]}
    return {
        _V1 + webhook: {**both, **new},
        _V1BETA1 + webhook: {**both, **old, **reviews},
        _V1 + "RuleWithOperations": {"scope": "*"},
        _V1 + "ServiceReference": {"port": 443},
    }


def _validate(configuration: Object, strictness: Strictness) -> Errors:
    seen: set[str] = set()
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        path, name = _WEBHOOKS.index(index), webhook.get("name") or ""
        yield from _webhook(webhook, path, strictness)
        versions = webhook.get("admissionReviewVersions") or []
        at, missing = path.child("admissionReviewVersions"), f"must specify one of {', '.join(REVIEW_VERSIONS)}"
        yield from validate_review_versions(versions, at, missing, known=strictness.known_review)
        if strictness.unique_names and name in seen:
            yield duplicate(path.child("name"), name)
        seen |= {name} if name else set()


def _webhook(webhook: Object, path: Path, strictness: Strictness) -> Errors:
    yield from _name(webhook.get("name") or "", path.child("name"))
    yield from each(path.child("rules"), webhook.get("rules"), validate_rule)
    allowed = _NO_SIDE_EFFECTS if strictness.no_side_effects else _SIDE_EFFECTS
    if webhook.get("sideEffects") is None:
        yield required(path.child("sideEffects"), f"must specify one of {', '.join(allowed)}")
    yield from supported(path.child("sideEffects"), webhook.get("sideEffects"), allowed)
    for field in ("namespaceSelector", "objectSelector"):
        any_value = not strictness.label_values
        yield from validate_label_selector(webhook.get(field), path.child(field), any_value=any_value)
    yield from validate_client_config(webhook.get("clientConfig") or {}, path.child("clientConfig"))
    if strictness.conditions:
        yield from validate_match_conditions(webhook.get("matchConditions") or [], path.child("matchConditions"))


def _name(name: str, path: Path) -> Errors:
    """A fully qualified name, so that owners of webhooks don't meet."""
    if not name:
        yield required(path)
    elif wrong := dns_subdomain(name):
        yield invalid(path, name, ",".join(wrong))
    elif name.count(".") < 2:
        yield invalid(path, name, "should be a domain with at least three segments separated by dots")


def _strictness(new: Object, old: Object) -> Strictness:
    """The rules that the old object obeyed; conditions that did not change are not compiled again."""
    before, after = old.get("webhooks") or [], new.get("webhooks") or []
    names = [webhook.get("name") for webhook in before]
    reviews = (webhook.get("admissionReviewVersions") or [] for webhook in before)
    selectors = (webhook.get(f) for webhook in before for f in ("namespaceSelector", "objectSelector"))
    return Strictness(
        no_side_effects=all(webhook.get("sideEffects") in _NO_SIDE_EFFECTS for webhook in before),
        known_review=all(not versions or set(versions) & set(REVIEW_VERSIONS) for versions in reviews),
        unique_names=len(set(names)) == len(names),
        label_values=not any(any(validate_label_selector(selector, Path())) for selector in selectors),
        conditions=[w.get("matchConditions") for w in after] != [w.get("matchConditions") for w in before],
    )


def _warnings(configuration: Object) -> Iterator[str]:
    yield from static_name_warnings(configuration)
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        for position, rule in enumerate(webhook.get("rules") or ()):
            path = _WEBHOOKS.index(index).child("rules").index(position)
            for group, resource in _without_effect(rule):
                what = f"{resource}.{group} is excluded from admission webhooks"
                yield f"{path}: {what}; this rule will have no effect"


def _without_effect(rule: Object) -> dict[tuple[str, str], None]:
    groups, resources = rule.get("apiGroups") or [], rule.get("resources") or []
    if "*" in groups or "*" in resources:
        return {}
    pairs = ((group, resource) for group in groups for resource in resources)
    return dict.fromkeys(pair for pair in pairs if pair in _NOT_INTERCEPTED)


def _count(configuration: Object, now: datetime) -> int:
    return len(configuration.get("webhooks") or ())
