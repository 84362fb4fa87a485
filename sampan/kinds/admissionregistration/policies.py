"""What ValidatingAdmissionPolicy and MutatingAdmissionPolicy share: what they match, parameters, variables.

Rules and texts: k8s.io/kubernetes/pkg/apis/admissionregistration/validation.
"""

import re
from datetime import datetime

from sampan.kinds.admissionregistration.expressions import Expressions
from sampan.kinds.admissionregistration.rules import (
    GROUP,
    MATCH_RULES,
    V1,
    validate_match_conditions,
    validate_rule,
)
from sampan.kinds.checks import SPEC, Errors, each
from sampan.kinds.columns import AGE, NAME
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.kind import Column, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRule, FieldRules, Required, Rules
from sampan.machinery.tree import get_path, semantic_equal
from sampan.machinery.validation import Path, dns_1035_label, dns_subdomain, invalid, required, validate_label_selector

V1BETA1 = "io.k8s.api.admissionregistration.v1beta1."
V1ALPHA1 = "io.k8s.api.admissionregistration.v1alpha1."
UNSET = "<unset>"
_CONSTRAINTS = SPEC.child("matchConstraints")
_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*", re.ASCII)
_RESERVED = frozenset(
    (
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import"),
        *("let", "loop", "package", "namespace", "return", "var", "void", "while"),
    )
)

_SPEC: FieldDefaults = {
    f"{version}{policy}AdmissionPolicySpec": {"failurePolicy": "Fail"}
    for version, policy in ((V1, "Validating"), *((version, "Mutating") for version in (V1, V1BETA1, V1ALPHA1)))
}
_MATCH = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
DEFAULTS: FieldDefaults = {
    **_SPEC,
    V1ALPHA1 + "ParamRef": {"parameterNotFoundAction": "Deny"},
    **{version + "MatchResources": _MATCH for version in (V1, V1BETA1, V1ALPHA1)},
    **{version + "NamedRuleWithOperations": {"scope": "*"} for version in (V1, V1BETA1, V1ALPHA1)},
}


def policy_rules(name: str, **extra: FieldRule) -> FieldRules:
    """The rules of one of the two kinds, with those that only its spec has."""
    spec: Rules = {"failurePolicy": (Required(), Enum()), "matchConstraints": Required(), **extra}
    return {f"{V1}{name}Spec": spec, **MATCH_RULES}


def validate_policy(spec: Object, expressions: Expressions, conditions_changed: bool) -> Errors:
    """The head of a policy: failure policy, parameters, what it matches, variables."""
    kind = spec.get("paramKind")
    if kind is not None:
        yield from _param_kind(kind, SPEC.child("paramKind"))
    if (constraints := spec.get("matchConstraints")) is not None:
        yield from validate_match_resources(constraints, _CONSTRAINTS)
        if not constraints.get("resourceRules"):
            yield required(_CONSTRAINTS.child("resourceRules"))
    if conditions_changed:
        conditions = spec.get("matchConditions") or []
        yield from validate_match_conditions(conditions, SPEC.child("matchConditions"), params=kind is not None)
    yield from _variables(spec, expressions)


def same_conditions(new: Object, old: Object) -> bool:
    """Whether an update leaves match conditions, and the parameters that they may speak of, as they are."""
    return all(semantic_equal(new["spec"].get(f), old["spec"].get(f)) for f in ("paramKind", "matchConditions"))


def _variables(spec: Object, expressions: Expressions) -> Errors:
    for index, variable in enumerate(spec.get("variables") or ()):
        path = SPEC.child("variables").index(index)
        name, expression = variable.get("name") or "", variable.get("expression") or ""
        if not name.strip():
            yield required(path.child("name"), "name is not specified")
        elif not _IDENTIFIER.fullmatch(name) or name in _RESERVED:
            yield invalid(path.child("name"), name, "must be a valid CEL identifier")
        if not expression.strip():
            yield required(path.child("expression"), "expression is not specified")
        else:
            yield from expressions.variable(name, expression, path.child("expression"))


def _param_kind(kind: Object, path: Path) -> Errors:
    version, name = kind.get("apiVersion") or "", kind.get("kind") or ""
    if not version:
        yield required(path.child("apiVersion"))
    else:
        yield from _api_version(version, path.child("apiVersion"))
    if not name:
        yield required(path.child("kind"))
    elif wrong := dns_1035_label(name.lower()):
        detail = "may have mixed case, but should otherwise match: " + ",".join(wrong)
        yield invalid(path.child("kind"), name, detail)


def _api_version(text: str, path: Path) -> Errors:
    if text.count("/") > 1:
        yield invalid(path, text, f"unexpected GroupVersion string: {text}")
        return
    group, _, version = text.rpartition("/")
    if group and (wrong := dns_subdomain(group)):
        yield invalid(path, group, ",".join(wrong))
    if not version:
        yield invalid(path, text, "version must be specified")
    elif wrong := dns_1035_label(version):
        yield invalid(path, version, ",".join(wrong))


def validate_match_resources(resources: Object, path: Path) -> Errors:
    """MatchResources: rules, exceptions from them, and selectors of namespaces and objects."""
    for field in ("namespaceSelector", "objectSelector"):
        yield from validate_label_selector(resources.get(field), path.child(field))
    for field in ("resourceRules", "excludeResourceRules"):
        yield from each(path.child(field), resources.get(field), validate_rule)


def policy_columns(title: str, field: str, description: str) -> tuple[Column, ...]:
    """The columns of a policy, of which one counts what it does."""

    def count(policy: Object, now: datetime) -> int:
        return len(get_path(policy, ("spec", field), []))

    return (
        NAME,
        Column(title, count, type="integer", description=description),
        Column("ParamKind", _param_kind_cell, description="The kind of its parameters."),
        AGE,
    )


def _param_kind_cell(policy: Object, now: datetime) -> str:
    kind = get_path(policy, ("spec", "paramKind"))
    return UNSET if kind is None else f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}"


def mutating_versions(name: str) -> tuple[ServedVersion, ...]:
    """v1 and the versions before it, which have the same fields; the oldest was to go without a replacement."""
    replacement = f"{GROUP}/v1 {name}"
    beta = ServedVersion(GROUP, "v1beta1", V1BETA1 + name, deprecated="1.37", removed="1.40", replacement=replacement)
    alpha = ServedVersion(GROUP, "v1alpha1", V1ALPHA1 + name, deprecated="1.35", removed="1.38")
    return ServedVersion(GROUP, "v1", V1 + name), beta, alpha


def no_line_breaks(text: str) -> bool:
    """Whether a text is one line."""
    return not set("\n\r") & set(text)
