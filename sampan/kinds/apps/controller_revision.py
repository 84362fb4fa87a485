"""ControllerRevision: a state that a DaemonSet or StatefulSet can be rolled back to."""

from datetime import datetime

from sampan.kinds.columns import AGE, NAME, NONE, count_column
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object, controller_of
from sampan.machinery.rules import FieldRules, Immutable, Minimum, Required

_DEFINITION = "io.k8s.api.apps.v1.ControllerRevision"
_RULES: FieldRules = {
    _DEFINITION: {"data": (Required("data is mandatory"), Immutable()), "revision": Minimum(0)},
}


def _controller(revision: Object, now: datetime) -> str:
    owner = controller_of(revision)
    if owner is None:
        return NONE
    group = owner.api_version.rpartition("/")[0]
    return f"{owner.kind.lower()}.{group}/{owner.name}" if group else f"{owner.kind.lower()}/{owner.name}"


KIND = Kind(
    name="ControllerRevision",
    plural="controllerrevisions",
    versions=versions("apps", _DEFINITION, v1beta2=("1.9", "1.16"), v1beta1=("1.8", "1.16")),
    columns=(
        NAME,
        Column("Controller", _controller, description="Whose state it is."),
        count_column("Revision", "revision", description="Its number."),
        AGE,
    ),
    rules=_RULES,
    has_status=False,
    has_generation=False,
)
