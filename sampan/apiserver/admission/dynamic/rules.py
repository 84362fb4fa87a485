"""Whether a rule of a webhook or a policy is about a request, and in which version it then wants to see the object.

Pure. A rule names operations, groups, versions, resources with subresources, and a scope; those of policies may name
objects, too. Upstream: k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules, webhook/generic (matchPolicy),
policy/matching.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sampan.kinds.admissionregistration.rules import GROUP

Rule = Mapping[str, Any]
_EXEMPT = frozenset(
    f"{phase}{what}"
    for phase in ("Validating", "Mutating")
    for what in ("AdmissionPolicy", "AdmissionPolicyBinding", "WebhookConfiguration")
)
_VIRTUAL = frozenset(
    (
        ("authentication.k8s.io", "selfsubjectreviews"),
        ("authentication.k8s.io", "tokenreviews"),
        ("authorization.k8s.io", "localsubjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectrulesreviews"),
        ("authorization.k8s.io", "subjectaccessreviews"),
    )
)


class Place(NamedTuple):
    """One of the versions in which a resource is served."""

    group: str
    version: str


class Target(NamedTuple):
    """What rules are held against."""

    operation: str
    place: Place
    resource: str
    subresource: str
    namespace: str
    name: str


def is_exempt(group: str, kind: str, resource: str) -> bool:
    """What no webhook and no policy is asked about: their own configurations, and reviews of the request itself."""
    return (group == GROUP and kind in _EXEMPT) or (group, resource) in _VIRTUAL


def matched_place(
    rules: Sequence[Rule], match_policy: str | None, target: Target, versions: Iterable[Place]
) -> Place | None:
    """The version in which the first rule that matches wants the object; None if no rule does.

    `versions` are all those in which the resource is served; they count under matchPolicy Equivalent.
    """
    if any(matches(rule, target) for rule in rules):
        return target.place
    if match_policy != "Equivalent":
        return None
    others = [place for place in versions if place != target.place]
    return next((place for rule in rules for place in others if matches(rule, target._replace(place=place))), None)


def matches(rule: Rule, target: Target) -> bool:
    """Whether a rule is about a request."""
    return (
        _names(rule.get("operations"), target.operation)
        and _names(rule.get("apiGroups"), target.place.group)
        and _names(rule.get("apiVersions"), target.place.version)
        and any(_is_resource(text, target) for text in rule.get("resources") or ())
        and _in_scope(rule.get("scope"), target)
        and (not rule.get("resourceNames") or target.name in rule["resourceNames"])
    )


def _names(values: Sequence[str] | None, value: str) -> bool:
    return values is not None and (value in values or "*" in values)


def _is_resource(text: str, target: Target) -> bool:
    resource, _, subresource = text.partition("/")
    return resource in ("*", target.resource) and subresource in ("*", target.subresource)


def _in_scope(scope: str | None, target: Target) -> bool:
    """A Namespace lies in no namespace, though requests for it name one."""
    if scope in (None, "*"):
        return True
    is_namespace = (*target.place, target.resource) == ("", "v1", "namespaces")
    namespaced = bool(target.namespace) and not is_namespace
    return namespaced == (scope == "Namespaced")
