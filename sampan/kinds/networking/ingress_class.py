"""IngressClass: which controller implements an Ingress. v1beta1 is identical."""

from datetime import datetime

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, NONE, text
from sampan.kinds.versions import versions
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Immutable, Required
from sampan.machinery.tree import get_path
from sampan.machinery.validation import domain_prefixed_path, forbidden, required, too_long

_DEFINITION = "io.k8s.api.networking.v1.IngressClass"
_REFERENCE = _DEFINITION + "ParametersReference"
_MAX_CONTROLLER = 250
_PARAMETERS = SPEC.child("parameters")

_DEFAULTS: FieldDefaults = {
    _DEFINITION: {"spec": {}},
    _REFERENCE: {"scope": "Cluster"},
}
_RULES: FieldRules = {
    _DEFINITION + "Spec": {"controller": Immutable()},
    _REFERENCE: {
        "kind": Required("kind is required"),
        "name": Required("name is required"),
        "scope": Enum(("Cluster", "Namespace")),
    },
}


def _validate(ingress_class: Object) -> Errors:
    controller = ingress_class["spec"].get("controller") or ""
    path = SPEC.child("controller")
    if len(controller) > _MAX_CONTROLLER:
        yield too_long(path, _MAX_CONTROLLER)
    elif controller:
        yield from domain_prefixed_path(path, controller)
    if (parameters := ingress_class["spec"].get("parameters")) is not None:
        yield from _parameters(parameters)


def _parameters(parameters: Object) -> Errors:
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope == "Namespace" and not namespace:
        yield required(_PARAMETERS.child("namespace"), "`parameters.scope` is set to 'Namespace'")
    if scope == "Cluster" and namespace:
        yield forbidden(_PARAMETERS.child("namespace"), "`parameters.scope` is set to 'Cluster'")


def _parameters_cell(ingress_class: Object, now: datetime) -> str:
    parameters = get_path(ingress_class, ("spec", "parameters"))
    if parameters is None:
        return NONE
    group = parameters.get("apiGroup")
    kind = f"{parameters.get('kind', '')}.{group}" if group else parameters.get("kind", "")
    return f"{kind}/{parameters.get('name', '')}"


KIND = Kind(
    name="IngressClass",
    plural="ingressclasses",
    versions=versions("networking.k8s.io", _DEFINITION, v1beta1=("1.19", "1.22")),
    namespaced=False,
    columns=(
        NAME,
        Column("Controller", text("spec", "controller"), description="Who implements ingresses of this class."),
        Column("Parameters", _parameters_cell, description="Where its settings are."),
        AGE,
    ),
    validate=_validate,
    rules=_RULES,
    has_status=False,
    defaults=_DEFAULTS,
)
