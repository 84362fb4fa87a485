"""Ingress: HTTP hosts and paths led to Services."""

from datetime import datetime

from sampan.kinds.addresses import parse_ip
from sampan.kinds.checks import SPEC, Errors, each, required_name
from sampan.kinds.columns import AGE, NAME, NONE, text
from sampan.kinds.inert import nothing_acts
from sampan.kinds.networking.ingress_v1beta1 import CONVERSION, DEFAULTS, DEFINITION, define
from sampan.kinds.prepare import fresh_status
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.names import regex_text
from sampan.machinery.rules import Format
from sampan.machinery.tree import get_path
from sampan.machinery.validation import (
    Path,
    check,
    dns_1035_label,
    dns_subdomain,
    invalid,
    not_supported,
    port,
    port_name,
    required,
)

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_V1 = "io.k8s.api.networking.v1.Ingress"
_REPLACEMENT = "networking.k8s.io/v1 Ingress"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_SHOWN = 3
_WILDCARD_TEXT = regex_text(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
    "*.example.com",
)

_DEFAULTS: FieldDefaults = {_V1: {"spec": {}}, DEFINITION: {"spec": {}}, **DEFAULTS}


def _validate(ingress: Object) -> Errors:
    spec = ingress["spec"]
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        yield invalid(SPEC, spec.get("rules") or [], "either `defaultBackend` or `rules` must be specified")
    if (backend := spec.get("defaultBackend")) is not None:
        yield from _backend(backend, SPEC.child("defaultBackend"))
    yield from each(SPEC.child("rules"), spec.get("rules"), _rule)
    for index, tls in enumerate(spec.get("tls") or ()):
        yield from each(SPEC.child("tls").index(index).child("hosts"), tls.get("hosts"), _host)
    yield from _class_once(ingress)


def _class_once(ingress: Object) -> Errors:
    """A new ingress names its class by the field or by the old annotation."""
    old = annotations_of(ingress).get(CLASS_ANNOTATION)
    if old is not None and ingress["spec"].get("ingressClassName") and not ingress["metadata"].get("resourceVersion"):
        path = Path("metadata.annotations").child(CLASS_ANNOTATION)
        yield invalid(path, old, "can not be set when the class field is also set")


def _rule(rule: Object, path: Path) -> Errors:
    if host := rule.get("host"):
        if parse_ip(host) is not None:
            yield invalid(path.child("host"), host, "must be a DNS name, not an IP address")
        yield from _host(host, path.child("host"))
    if (http := rule.get("http")) is not None:
        if not http.get("paths"):
            yield required(path.child("http", "paths"))
        yield from each(path.child("http", "paths"), http.get("paths"), _path)


def _host(host: str, path: Path) -> Errors:
    if "*" not in host:
        yield from check(path, host, dns_subdomain(host))
    elif not host.startswith("*.") or dns_subdomain(host[2:]):
        yield invalid(path, host, _WILDCARD_TEXT)


def _path(item: Object, path: Path) -> Errors:
    kind, url = item.get("pathType"), item.get("path") or ""
    if not kind:
        yield required(path.child("pathType"), "pathType must be specified")
    elif kind in ("Exact", "Prefix"):
        yield from _matched_path(url, path.child("path"))
    elif kind != "ImplementationSpecific":
        yield not_supported(path.child("pathType"), kind, _PATH_TYPES)
    elif url and not url.startswith("/"):
        yield invalid(path.child("path"), url, "must be an absolute path")
    yield from _backend(item.get("backend") or {}, path.child("backend"))


def _matched_path(url: str, path: Path) -> Errors:
    if not url.startswith("/"):
        yield invalid(path, url, "must be an absolute path")
    for sequence in ("//", "/./", "/../", "%2f", "%2F"):
        if sequence in url:
            yield invalid(path, url, f"must not contain '{sequence}'")
    for suffix in ("/..", "/."):
        if url.endswith(suffix):
            yield invalid(path, url, f"cannot end with '{suffix}'")


def _backend(backend: Object, path: Path) -> Errors:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield invalid(path, "", "cannot set both resource and service backends")
    elif resource is not None:
        for field in ("kind", "name"):
            if not resource.get(field):
                yield required(path.child("resource", field))
    elif service is not None:
        yield from _service(service, path)
    else:
        yield invalid(path, "", "resource or service backend is required")


def _service(service: Object, path: Path) -> Errors:
    name, number = get_path(service, ("port", "name"), ""), get_path(service, ("port", "number"), 0)
    at = path.child("service", "port")
    yield from required_name(path.child("service", "name"), service.get("name"), dns_1035_label)
    if name and number:
        yield invalid(at, "", "cannot set both port name & port number")
    elif name:
        yield from check(at.child("name"), name, port_name(name))
    elif number:
        yield from port(at.child("number"), number)
    else:
        yield required(path, "port name or number is required")


def _hosts(ingress: Object, now: datetime) -> str:
    rules = ingress["spec"].get("rules") or []
    hosts = [rule["host"] for rule in rules if rule.get("host")]
    more = f" + {len(rules) - _SHOWN} more..." if len(hosts) > _SHOWN else ""
    return ",".join(hosts[:_SHOWN]) + more or "*"


def _address(ingress: Object, now: datetime) -> str:
    given = get_path(ingress, ("status", "loadBalancer", "ingress"), [])
    return ",".join(sorted({item.get("ip") or item.get("hostname") or "" for item in given} - {""}))


def _ports(ingress: Object, now: datetime) -> str:
    return "80, 443" if ingress["spec"].get("tls") else "80"


KIND = Kind(
    name="Ingress",
    plural="ingresses",
    versions=(
        ServedVersion("networking.k8s.io", "v1", _V1),
        ServedVersion(
            "networking.k8s.io",
            "v1beta1",
            DEFINITION,
            convert=CONVERSION,
            deprecated="1.19",
            removed="1.22",
            replacement=_REPLACEMENT,
        ),
        ServedVersion(
            "extensions",
            "v1beta1",
            DEFINITION,
            convert=CONVERSION,
            deprecated="1.14",
            removed="1.22",
            replacement=_REPLACEMENT,
        ),
    ),
    short_names=("ing",),
    columns=(
        NAME,
        Column("Class", text("spec", "ingressClassName", default=NONE), description="The class that implements it."),
        Column("Hosts", _hosts, description="Host names that it serves."),
        Column("Address", _address, description="Where it can be reached."),
        Column("Ports", _ports, description="80, and 443 where it has TLS."),
        AGE,
    ),
    prepare_create=fresh_status(loadBalancer={}),
    create_warnings=nothing_acts("no traffic is routed by it"),
    validate=_validate,
    rules={_V1 + "Spec": {"ingressClassName": Format(dns_subdomain)}},
    definitions=define,
    defaults=_DEFAULTS,
)
