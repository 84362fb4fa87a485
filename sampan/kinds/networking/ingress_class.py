"""IngressClass: which controller implements an Ingress. v1beta1 is identical."""

from datetime import datetime

from sampan.kinds.checks import SPEC, Errors, supported, unchanged
from sampan.kinds.columns import AGE, NAME, NONE, text
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import check, dns_subdomain, forbidden, required, too_long

_DEFINITION = "io.k8s.api.networking.v1.IngressClass"
_MAX_CONTROLLER = 250
_NOT_A_PATH = 'must be a domain-prefixed path (such as "acme.io/foo")'
_PARAMETERS = SPEC.child("parameters")

_DEFAULTS: FieldDefaults = {
    _DEFINITION: {"spec": {}},
    "io.k8s.api.networking.v1.IngressClassParametersReference": {"scope": "Cluster"},
}


def _validate(ingress_class: Object) -> Errors:
    controller = ingress_class["spec"].get("controller") or ""
    path = SPEC.child("controller")
    if len(controller) > _MAX_CONTROLLER:
        yield too_long(path, _MAX_CONTROLLER)
    elif controller:
        domain, _, rest = controller.partition("/")
        yield from check(path, controller, dns_subdomain(domain) if rest else [_NOT_A_PATH])
    if (parameters := ingress_class["spec"].get("parameters")) is not None:
        yield from _parameters(parameters)


def _parameters(parameters: Object) -> Errors:
    for field in ("kind", "name"):
        if not parameters.get(field):
            yield required(_PARAMETERS.child(field), f"{field} is required")
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    yield from supported(_PARAMETERS.child("scope"), scope, ("Cluster", "Namespace"))
    if scope == "Namespace" and not namespace:
        yield required(_PARAMETERS.child("namespace"), "`parameters.scope` is set to 'Namespace'")
    if scope == "Cluster" and namespace:
        yield forbidden(_PARAMETERS.child("namespace"), "`parameters.scope` is set to 'Cluster'")


def _validate_update(new: Object, old: Object) -> Errors:
    yield from unchanged(SPEC.child("controller"), new["spec"].get("controller"), old["spec"].get("controller"))


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
    versions=(
        ServedVersion("networking.k8s.io", "v1", _DEFINITION),
        ServedVersion(
            "networking.k8s.io",
            "v1beta1",
            _DEFINITION,
            deprecated="1.19",
            removed="1.22",
            replacement="networking.k8s.io/v1 IngressClass",
        ),
    ),
    namespaced=False,
    columns=(
        NAME,
        Column("Controller", text("spec", "controller"), description="Who implements ingresses of this class."),
        Column("Parameters", _parameters_cell, description="Where its settings are."),
        AGE,
    ),
    validate=_validate,
    validate_update=_validate_update,
    has_status=False,
    defaults=_DEFAULTS,
)
