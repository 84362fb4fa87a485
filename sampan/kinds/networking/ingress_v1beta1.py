"""The Ingress of extensions/v1beta1 and networking.k8s.io/v1beta1: its types, and the conversion to v1 and back.

A backend was a service's name and port, and the default backend was called `backend`.
"""

from collections.abc import Callable
from dataclasses import replace

from sampan.machinery.kind import Conversion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Field, Schema

_V1, _OLD = "io.k8s.api.networking.v1.", "io.k8s.api.networking.v1beta1."
DEFINITION = _OLD + "Ingress"
DEFAULTS = {_OLD + "HTTPIngressPath": {"pathType": "ImplementationSpecific"}}


def define(known: Schema) -> None:
    """Add the old types."""
    resource = known.definition(_V1 + "IngressBackend").fields["resource"]
    backend: dict[str, str | Field] = {
        "serviceName": "string",
        "servicePort": "int-or-string",
        "resource": resource,
    }
    known.define(_OLD + "IngressBackend", backend)
    path: dict[str, str | Field] = {"backend": _OLD + "IngressBackend"}
    known.derive(_OLD + "HTTPIngressPath", _V1 + "HTTPIngressPath", path, optional=["pathType"])
    known.derive(
        _OLD + "HTTPIngressRuleValue", _V1 + "HTTPIngressRuleValue", _list_of(known, "HTTPIngressRuleValue", "paths")
    )
    known.derive(_OLD + "IngressRule", _V1 + "IngressRule", {"http": _OLD + "HTTPIngressRuleValue"})
    spec: dict[str, str | Field] = {"backend": _OLD + "IngressBackend", **_list_of(known, "IngressSpec", "rules")}
    known.derive(_OLD + "IngressSpec", _V1 + "IngressSpec", spec, drop=["defaultBackend"])
    known.derive(DEFINITION, _V1 + "Ingress", {"spec": _OLD + "IngressSpec"})


def _list_of(known: Schema, definition: str, field: str) -> dict[str, Field]:
    """A list field of v1 with the same list type, whose items are of the old version."""
    found = known.definition(_V1 + definition).fields[field]
    assert found.items is not None
    return {field: replace(found, items=replace(found.items, ref=found.items.ref.replace(_V1, _OLD)))}


def _backend_to_v1(old: Object) -> Object:
    name, port = old.get("serviceName") or "", old.get("servicePort") or 0
    made = {field: value for field, value in old.items() if field == "resource"}
    if name or port:
        number_or_name = {"name": port} if isinstance(port, str) else {"number": port} if port else {}
        made["service"] = {"name": name, "port": number_or_name}
    return made


def _backend_from_v1(new: Object) -> Object:
    made = {field: value for field, value in new.items() if field == "resource"}
    if (service := new.get("service")) is not None:
        port = service.get("port") or {}
        made["serviceName"] = service.get("name") or ""
        made["servicePort"] = port.get("name") or port.get("number") or 0
    return made


def _converting(backend: Callable[[Object], Object], old_name: str, new_name: str) -> Callable[[Object], Object]:
    def convert(ingress: Object) -> Object:
        spec = dict(ingress.get("spec") or {})
        if (default := spec.pop(old_name, None)) is not None:
            spec[new_name] = backend(default)
        if spec.get("rules"):
            spec["rules"] = [_rule(rule, backend) for rule in spec["rules"]]
        return {**ingress, "spec": spec}

    return convert


def _rule(rule: Object, backend: Callable[[Object], Object]) -> Object:
    if not (rule.get("http") or {}).get("paths"):
        return rule
    paths = [{**path, "backend": backend(path.get("backend") or {})} for path in rule["http"]["paths"]]
    return {**rule, "http": {**rule["http"], "paths": paths}}


CONVERSION = Conversion(
    _converting(_backend_to_v1, "backend", "defaultBackend"),
    _converting(_backend_from_v1, "defaultBackend", "backend"),
)
