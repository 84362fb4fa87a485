"""What is wrong with a container's environment, and with references to fields and resources (the downward API)."""

import re
from collections.abc import Iterable

from sampan.kinds.checks import Errors, each
from sampan.machinery.meta import Object
from sampan.machinery.validation import (
    Path,
    check,
    invalid,
    not_supported,
    qualified_name,
    required,
)

ENV_FIELDS = (
    *("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName"),
    *("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"),
)
VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
# Paths that the API knows of a pod, so that it says of them "not supported here" and not "no such thing".
_KNOWN_FIELDS = {
    *(*ENV_FIELDS, *VOLUME_FIELDS, "spec.restartPolicy", "spec.schedulerName", "spec.hostNetwork"),
    *("status.phase", "status.nominatedNodeName"),
}
_RESOURCES = tuple(
    sorted(f"{kind}.{n}" for kind in ("limits", "requests") for n in ("cpu", "ephemeral-storage", "memory"))
)
_CPU_DIVISORS = ("1m", "1")
_SIZE_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SUBSCRIPT = re.compile(r"(metadata\.(?:annotations|labels))\['([^']*)'\]")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def validate_env(container: Object, path: Path) -> Errors:
    """env and envFrom."""
    yield from each(path.child("env"), container.get("env"), _variable)
    yield from each(path.child("envFrom"), container.get("envFrom"), _env_from)


def _variable(variable: Object, path: Path) -> Errors:
    if (source := variable.get("valueFrom")) is not None:
        yield from _value_from(source, bool(variable.get("value")), path.child("valueFrom"))


def _value_from(source: Object, has_value: bool, path: Path) -> Errors:
    if (field := source.get("fieldRef")) is not None:
        yield from validate_field_ref(field, path.child("fieldRef"), ENV_FIELDS)
    if (resource := source.get("resourceFieldRef")) is not None:
        yield from validate_resource_ref(resource, path.child("resourceFieldRef"), in_volume=False)
    present = [kind for kind in _SOURCES if source.get(kind) is not None]
    if not present:
        shown = ", ".join(f"`{kind}`" for kind in _SOURCES[:-1]) + f" or `{_SOURCES[-1]}`"
        yield invalid(path, "", f"must specify one of: {shown}")
    elif has_value:
        yield invalid(path, "", "may not be specified when `value` is not empty")
    elif len(present) > 1:
        yield invalid(path, "", "may not have more than one field specified at a time")


def _env_from(source: Object, path: Path) -> Errors:
    present = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
    if not present:
        yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
    elif len(present) > 1:
        yield invalid(path, "", "may not have more than one field specified at a time")


def validate_field_ref(ref: Object, path: Path, allowed: Iterable[str]) -> Errors:
    """A reference to a field of the pod; labels and annotations may be picked by key: metadata.labels['app']."""
    if not ref.get("apiVersion"):
        yield required(path.child("apiVersion"))
        return
    field, at = ref.get("fieldPath") or "", path.child("fieldPath")
    if not field:
        yield required(at)
    elif found := _SUBSCRIPT.fullmatch(field):
        key = found[2].lower() if found[1] == "metadata.annotations" else found[2]
        yield from check(at, field, qualified_name(key))
    elif field not in _KNOWN_FIELDS:
        yield invalid(at, field, f"error converting fieldPath: field label not supported: {field}")
    elif field not in allowed:
        yield not_supported(at, field, allowed)


def validate_resource_ref(ref: Object, path: Path, *, in_volume: bool) -> Errors:
    """A reference to a request or limit of a container; a volume belongs to none, so it has to name one."""
    resource = ref.get("resource") or ""
    if in_volume and not ref.get("containerName"):
        yield required(path.child("containerName"))
    elif not resource:
        yield required(path.child("resource"))
    elif resource not in _RESOURCES and not resource.startswith(("limits.hugepages-", "requests.hugepages-")):
        yield not_supported(path.child("resource"), resource, _RESOURCES)
    else:
        yield from _divisor(ref.get("divisor") or "0", resource, path.child("divisor"))


def _divisor(divisor: str, resource: str, path: Path) -> Errors:
    name = resource.partition(".")[2]
    allowed = _CPU_DIVISORS if name == "cpu" else _SIZE_DIVISORS
    if divisor != "0" and divisor not in allowed:
        shown = " and ".join(allowed) if name == "cpu" else ", ".join(allowed)
        yield invalid(path, divisor, f"only divisor's values {shown} are supported with the {name} resource")
