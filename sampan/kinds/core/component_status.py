"""ComponentStatus: whether a part of the control plane is well. Asked of the parts when it is read, never stored.

Deprecated since 1.19 (k8s.io/api/core/v1); the answering half is apiserver/subresources/component_statuses.py.
"""

from collections.abc import Callable
from datetime import datetime

from sampan.kinds.columns import NAME
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object


def _healthy(status: Object) -> Object | None:
    found: Object | None = next((c for c in status.get("conditions") or () if c.get("type") == "Healthy"), None)
    return found


def _status(status: Object, now: datetime) -> str:
    if (condition := _healthy(status)) is None:
        return "Unknown"
    return "Healthy" if condition.get("status") == "True" else "Unhealthy"


def _told(field: str) -> Callable[[Object, datetime], str]:
    return lambda status, now: str((_healthy(status) or {}).get(field) or "")


KIND = Kind(
    name="ComponentStatus",
    plural="componentstatuses",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.ComponentStatus", deprecated="1.19"),),
    namespaced=False,
    short_names=("cs",),
    verbs=("get", "list"),
    columns=(
        NAME,
        Column("Status", _status, description="Status of the component conditions"),
        Column("Message", _told("message"), description="Message of the component conditions"),
        Column("Error", _told("error"), description="Error of the component conditions"),
    ),
    has_status=False,
    has_generation=False,
)
