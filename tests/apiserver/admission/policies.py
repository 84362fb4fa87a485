"""Policies and bindings for tests."""

from typing import Any

from tests.apiserver.admission.hooks import GROUP
from tests.apiserver.harness import API

Object = dict[str, Any]
VALIDATING, MUTATING = f"{GROUP}/validatingadmissionpolicies", f"{GROUP}/mutatingadmissionpolicies"
VALIDATING_BINDINGS = f"{GROUP}/validatingadmissionpolicybindings"
MUTATING_BINDINGS = f"{GROUP}/mutatingadmissionpolicybindings"


def constraints(*rules: Object, **more: Any) -> Object:
    """matchConstraints."""
    return {"resourceRules": list(rules), **more}


async def validate(api: API, *rules: Object, name: str = "p", actions: Any = ("Deny",), **spec: Any) -> None:
    """A policy for requests of these rules, and its binding; `binding` has more of that."""
    binding = {"policyName": name, "validationActions": list(actions), **spec.pop("binding", {})}
    body = {"matchConstraints": constraints(*rules), **spec}
    await api.create(VALIDATING, {"metadata": {"name": name}, "spec": body})
    await api.create(VALIDATING_BINDINGS, {"metadata": {"name": f"{name}-binding"}, "spec": binding})


async def mutate(api: API, *rules: Object, name: str = "m", mutations: Any, **spec: Any) -> None:
    """The same for a mutating policy; mutations are expressions, JSON patches where they make lists."""
    binding = {"policyName": name, **spec.pop("binding", {})}
    made = [_mutation(text) for text in mutations]
    body = {"matchConstraints": constraints(*rules), "reinvocationPolicy": "Never", "mutations": made, **spec}
    await api.create(MUTATING, {"metadata": {"name": name}, "spec": body})
    await api.create(MUTATING_BINDINGS, {"metadata": {"name": f"{name}-binding"}, "spec": binding})


def _mutation(text: str) -> Object:
    kind, field = ("JSONPatch", "jsonPatch") if text.startswith("[") else ("ApplyConfiguration", "applyConfiguration")
    return {"patchType": kind, field: {"expression": text}}
