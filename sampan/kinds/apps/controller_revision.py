"""ControllerRevision: a state that a DaemonSet or StatefulSet can be rolled back to."""

from datetime import datetime

from sampan.kinds.checks import Errors, unchanged
from sampan.kinds.columns import AGE, NAME, NONE, count_column
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object, controller_of
from sampan.machinery.validation import non_negative, required

_DEFINITION = "io.k8s.api.apps.v1.ControllerRevision"


def _validate(revision: Object) -> Errors:
    if revision.get("data") is None:
        yield required("data", "data is mandatory")
    yield from non_negative("revision", revision.get("revision"))


def _validate_update(new: Object, old: Object) -> Errors:
    return unchanged("data", new.get("data"), old.get("data"))


def _controller(revision: Object, now: datetime) -> str:
    owner = controller_of(revision)
    if owner is None:
        return NONE
    group = owner.api_version.rpartition("/")[0]
    return f"{owner.kind.lower()}.{group}/{owner.name}" if group else f"{owner.kind.lower()}/{owner.name}"


def _old(version: str, since: str) -> ServedVersion:
    return ServedVersion(
        "apps", version, _DEFINITION, deprecated=since, removed="1.16", replacement="apps/v1 ControllerRevision"
    )


KIND = Kind(
    name="ControllerRevision",
    plural="controllerrevisions",
    versions=(ServedVersion("apps", "v1", _DEFINITION), _old("v1beta2", "1.9"), _old("v1beta1", "1.8")),
    columns=(
        NAME,
        Column("Controller", _controller, description="Whose state it is."),
        count_column("Revision", "revision", description="Its number."),
        AGE,
    ),
    validate=_validate,
    validate_update=_validate_update,
    has_status=False,
    has_generation=False,
)
