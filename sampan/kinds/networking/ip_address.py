"""IPAddress: an address that is taken, and by what. Its name is the address. v1beta1 is identical."""

from datetime import datetime

from sampan.kinds.checks import SPEC, Errors, unchanged
from sampan.kinds.columns import AGE, NAME, NONE
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import check, dns_subdomain, path_segment, required

_DEFINITION = "io.k8s.api.networking.v1.IPAddress"
_PARENT = SPEC.child("parentRef")


def _validate(address: Object) -> Errors:
    if (parent := address["spec"].get("parentRef")) is None:
        yield required(_PARENT)
        return
    if group := parent.get("group"):
        yield from check(_PARENT.child("group"), group, dns_subdomain(group))
    for field in ("resource", "name", "namespace"):
        value = parent.get(field) or ""
        if not value and field != "namespace":
            yield required(_PARENT.child(field))
        yield from check(_PARENT.child(field), value, path_segment(value))


def _validate_update(new: Object, old: Object) -> Errors:
    yield from unchanged(_PARENT, new["spec"].get("parentRef"), old["spec"].get("parentRef"))


def _parent(address: Object, now: datetime) -> str:
    if (parent := get_path(address, ("spec", "parentRef"))) is None:
        return NONE
    resource, group = parent.get("resource") or "", parent.get("group")
    where = [f"{resource}.{group}".lower() if group else resource.lower()]
    return "/".join([*where, *filter(None, [parent.get("namespace")]), parent.get("name") or ""])


KIND = Kind(
    name="IPAddress",
    plural="ipaddresses",
    versions=(
        ServedVersion("networking.k8s.io", "v1", _DEFINITION),
        ServedVersion(
            "networking.k8s.io",
            "v1beta1",
            _DEFINITION,
            deprecated="1.34",
            removed="1.37",
            replacement="networking.k8s.io/v1 IPAddress",
        ),
    ),
    namespaced=False,
    short_names=("ip",),
    columns=(NAME, Column("ParentRef", _parent, description="What has taken the address."), AGE),
    validate=_validate,
    validate_update=_validate_update,
    name_rule="ip-address",
    has_status=False,
    has_generation=False,
)
