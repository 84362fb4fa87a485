"""Expressions of a validating policy checked against the types that it matches, which its author may not think of.

    warnings = expression_warnings(policy["spec"], {"apps/v1, Kind=Deployment": type_}, params_type)

A policy with warnings is in force all the same. Called by controllers/validating_admission_policy_status.py. Upstream:
k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sampan.machinery.cel.admission import admission_environment
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import CompileError, InstantiationError
from sampan.machinery.cel.policies import Composition
from sampan.machinery.cel.types import Type

_FIELDS = ("expression", "messageExpression")


def expression_warnings(
    spec: Mapping[str, Any], types: Mapping[str, Type], params: Type | None
) -> list[dict[str, str]]:
    """status.typeChecking.expressionWarnings; `types` are by how their kinds are shown."""
    known = {shown: _environment(spec, type_, params) for shown, type_ in types.items()}
    return [
        {"fieldRef": path, "warning": warning}
        for path, text in _expressions(spec)
        if (warning := "\n".join(_wrong(known, text)))
    ]


def _expressions(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for index, validation in enumerate(spec.get("validations") or ()):
        for field in _FIELDS:
            if text := validation.get(field):
                yield f"spec.validations[{index}].{field}", text


def _environment(spec: Mapping[str, Any], type_: Type, params: Type | None) -> Environment:
    typed = {"object": type_, "oldObject": type_}
    has_params = spec.get("paramKind") is not None
    typed |= {"params": params} if has_params and params is not None else {}
    composition = Composition(admission_environment(params=has_params).extend(typed))
    for variable in spec.get("variables") or ():
        composition.add(variable["name"], variable["expression"])
    return composition.environment


def _wrong(known: Mapping[str, Environment], text: str) -> Iterator[str]:
    for shown, environment in known.items():
        try:
            environment.compile(text)
        except CompileError as error:
            yield f"{shown}: {error}\n"
        except InstantiationError:
            continue  # its types are right
