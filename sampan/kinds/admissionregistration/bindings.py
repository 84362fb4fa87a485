"""What bindings of validating and mutating policies share: the policy, its parameters, where it holds.

Rules and texts: k8s.io/kubernetes/pkg/apis/admissionregistration/validation.
"""

from datetime import datetime

from sampan.kinds.admissionregistration.policies import UNSET, validate_match_resources
from sampan.kinds.admissionregistration.rules import MATCH_RULES, V1
from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, text
from sampan.machinery.kind import Column
from sampan.machinery.meta import Object
from sampan.machinery.rules import FieldRule, FieldRules, Format, Required
from sampan.machinery.selectors import SelectorError, from_label_selector
from sampan.machinery.tree import get_path
from sampan.machinery.validation import (
    dns_subdomain,
    forbidden,
    one_of,
    path_segment,
    required,
    validate_label_selector,
)

_PARAM = SPEC.child("paramRef")


def binding_rules(name: str, **extra: FieldRule) -> FieldRules:
    """The rules of one of the two kinds, with those that only its spec has."""
    return {
        f"{V1}{name}Spec": {"policyName": (Required(), Format(dns_subdomain)), **extra},
        V1 + "ParamRef": {"name": Format(path_segment)},
        **MATCH_RULES,
    }


def validate_binding(binding: Object) -> Errors:
    """The parts that both kinds of binding have."""
    spec = binding["spec"]
    if (ref := spec.get("paramRef")) is not None:
        yield from _param_ref(ref)
    if (resources := spec.get("matchResources")) is not None:
        yield from validate_match_resources(resources, SPEC.child("matchResources"))


def _param_ref(ref: Object) -> Errors:
    """Parameters are named or selected; what happens when there are none must be said."""
    name, selector, action = ref.get("name"), ref.get("selector"), ref.get("parameterNotFoundAction") or ""
    if name and selector is not None:
        yield forbidden(_PARAM.child("name"), "name and selector are mutually exclusive")
    yield from validate_label_selector(selector, _PARAM.child("selector"))
    if name and selector is not None:
        yield forbidden(_PARAM.child("selector"), "name and selector are mutually exclusive")
    if not name and selector is None:
        yield required(_PARAM, "one of name or selector must be specified")
    yield from one_of(_PARAM.child("parameterNotFoundAction"), action, ("Deny", "Allow"))


def _param_cell(binding: Object, now: datetime) -> str:
    """The parameters by namespace and name; whether they have a namespace can't be told from here."""
    ref = get_path(binding, ("spec", "paramRef")) or {}
    if name := ref.get("name"):
        return f"{ref.get('namespace') or '*'}/{name}"
    return UNSET if ref.get("selector") is None else _selector_text(ref["selector"])


def _selector_text(selector: Object) -> str:
    try:
        return str(from_label_selector(selector))
    except SelectorError:
        return UNSET


COLUMNS = (
    NAME,
    Column("PolicyName", text("spec", "policyName"), description="The policy that is put into force."),
    Column("ParamRef", _param_cell, description="The policy's parameters."),
    AGE,
)
