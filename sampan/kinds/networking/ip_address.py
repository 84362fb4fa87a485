"""IPAddress: an address that is taken, and by what. Its name is the address. Older versions are identical."""

from datetime import datetime

from sampan.kinds.columns import AGE, NAME, NONE
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.names import dns_subdomain, path_segment
from sampan.machinery.rules import FieldRules, Format, Immutable, Required
from sampan.machinery.tree import get_path

_DEFINITION = "io.k8s.api.networking.v1.IPAddress"
_SEGMENT = Format(path_segment)
_RULES: FieldRules = {
    _DEFINITION + "Spec": {"parentRef": (Required(), Immutable())},
    "io.k8s.api.networking.v1.ParentReference": {
        "group": Format(dns_subdomain),
        "resource": (Required(), _SEGMENT),
        "name": (Required(), _SEGMENT),
        "namespace": _SEGMENT,
    },
}


def _parent(address: Object, now: datetime) -> str:
    if (parent := get_path(address, ("spec", "parentRef"))) is None:
        return NONE
    resource, group = parent.get("resource") or "", parent.get("group")
    where = [f"{resource}.{group}".lower() if group else resource.lower()]
    return "/".join([*where, *filter(None, [parent.get("namespace")]), parent.get("name") or ""])


KIND = Kind(
    name="IPAddress",
    plural="ipaddresses",
    versions=versions("networking.k8s.io", _DEFINITION, v1beta1=("1.34", "1.37"), v1alpha1=("1.30", "1.33")),
    namespaced=False,
    short_names=("ip",),
    columns=(NAME, Column("ParentRef", _parent, description="What has taken the address."), AGE),
    rules=_RULES,
    name_rule="ip-address",
    has_status=False,
    has_generation=False,
)
