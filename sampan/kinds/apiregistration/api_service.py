"""APIService: an API version, and the Service that serves it; without one, this server does. v1beta1 is identical.

Rules and texts: k8s.io/kube-aggregator/pkg (apis/apiregistration/validation, registry/apiservice).
"""

from datetime import datetime

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME
from sampan.kinds.conditions import validate_statuses
from sampan.kinds.prepare import STATUS_METADATA, in_metadata, keeping_metadata
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import (
    Path,
    check,
    dns_1035_label,
    dns_subdomain,
    invalid,
    path_segment,
    port_number,
    required,
)

_GROUP = "apiregistration.k8s.io"
_TYPES = "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1."
_DEFINITION = _TYPES + "APIService"
_MAX_GROUP_PRIORITY, _MAX_VERSION_PRIORITY = 20_000, 1000
_SERVICE = SPEC.child("service")


def _prepare_create(api_service: Object) -> None:
    """What this server serves itself is available from the start."""
    api_service["status"] = {}
    if api_service["spec"].get("service") is None:
        local = {
            "type": "Available",
            "status": "True",
            "lastTransitionTime": api_service["metadata"].get("creationTimestamp"),
            "reason": "Local",
            "message": "Local APIServices are always available",
        }
        api_service["status"]["conditions"] = [local]


def _validate(api_service: Object) -> Errors:
    spec, name = api_service["spec"], api_service["metadata"].get("name") or ""
    group, version = spec.get("group") or "", spec.get("version") or ""
    if not path_segment(name) and name != f"{version}.{group}":
        yield invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{version}.{group}"')
    if not group and version != "v1":
        yield required(SPEC.child("group"), "only v1 may have an empty group and it better be legacy kube")
    yield from check(SPEC.child("group"), group, dns_subdomain(group) if group else [])
    yield from check(SPEC.child("version"), version, dns_1035_label(version))
    for field, limit in (("groupPriorityMinimum", _MAX_GROUP_PRIORITY), ("versionPriority", _MAX_VERSION_PRIORITY)):
        if not 0 < (priority := spec.get(field) or 0) <= limit:
            yield invalid(SPEC.child(field), priority, f"must be positive and less than {limit}")
    yield from _remote(spec) if spec.get("service") is not None else _local(spec)


def _local(spec: Object) -> Errors:
    if bundle := spec.get("caBundle"):
        size = len(bundle) * 3 // 4 - bundle[-2:].count("=")
        yield invalid(SPEC.child("caBundle"), f"{size} bytes", "local APIServices may not have a caBundle")
    if spec.get("insecureSkipTLSVerify"):
        detail = "local APIServices may not have insecureSkipTLSVerify"
        yield invalid(SPEC.child("insecureSkipTLSVerify"), True, detail)


def _remote(spec: Object) -> Errors:
    service = spec["service"]
    for field in ("namespace", "name"):
        if not service.get(field):
            yield required(_SERVICE.child(field))
    port = service.get("port", 443)
    if wrong := port_number(port):
        yield invalid(_SERVICE.child("port"), port, "port is not valid: " + ", ".join(wrong))
    if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
        yield invalid(SPEC.child("insecureSkipTLSVerify"), True, "may not be true if caBundle is present")


def _validate_status_update(new: Object, old: Object) -> Errors:
    return validate_statuses(get_path(new, ("status", "conditions"), []), Path("status.conditions"))


def _service(api_service: Object, now: datetime) -> str:
    service = get_path(api_service, ("spec", "service"))
    return "Local" if service is None else f"{service.get('namespace', '')}/{service.get('name', '')}"


def _available(api_service: Object, now: datetime) -> str:
    conditions = get_path(api_service, ("status", "conditions"), [])
    found = next((c for c in conditions if c.get("type") == "Available"), None)
    if found is None:
        return "Unknown"
    status, reason = found.get("status") or "", found.get("reason")
    return f"{status} ({reason})" if reason and status != "True" else status


KIND = Kind(
    name="APIService",
    plural="apiservices",
    versions=(
        ServedVersion(_GROUP, "v1", _DEFINITION),
        ServedVersion(
            _GROUP,
            "v1beta1",
            _DEFINITION,
            deprecated="1.19",
            removed="1.22",
            replacement=f"{_GROUP}/v1 APIService",
        ),
    ),
    namespaced=False,
    categories=("api-extensions",),
    columns=(
        NAME,
        Column("Service", _service, description="The Service that serves it; Local: this server."),
        Column("Available", _available, description="Whether it can be reached."),
        AGE,
    ),
    prepare_create=_prepare_create,
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    validate=_validate,
    validate_status_update=_validate_status_update,
    name_rule="path-segment",
    has_generation=False,
    defaults={_DEFINITION: {"spec": {}}, _TYPES + "ServiceReference": {"port": 443}},
    allow_unconditional_update=False,
    short_finalizers=True,
)
