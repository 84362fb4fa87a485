"""Pod: containers that run together on one node."""

from collections.abc import Callable

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.core.pod_columns import COLUMNS
from sampan.kinds.core.pod_defaults import POD_DEFAULTS, default_pod
from sampan.kinds.core.pod_level_resources import default_pod_level
from sampan.kinds.core.pod_update import validate_pod_status_update, validate_pod_update
from sampan.kinds.core.pod_warnings import pod_warnings
from sampan.kinds.core.podspec_defaults import POD_SPEC_FUNCTIONS, sync_service_account
from sampan.kinds.core.podspec_rules import POD_SPEC_RULES
from sampan.kinds.core.podspec_validation import validate_pod_spec
from sampan.kinds.core.profile_validation import validate_profile_annotations
from sampan.kinds.core.qos import qos_class
from sampan.kinds.prepare import in_metadata, keeping_metadata
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, forbidden

_DEFAULT_GRACE = 30  # seconds, for pods that name none
_keep_owners = keeping_metadata("ownerReferences")
_GATED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}


def _prepare_create(pod: Object) -> None:
    """A new pod is Pending, whatever the client sent, and its class is settled for life."""
    sync_service_account(pod["spec"])
    default_pod_level(pod["spec"])
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(pod)}
    if pod["spec"].get("schedulingGates"):
        pod["status"]["conditions"] = [dict(_GATED)]


def _prepare_update(new: Object, old: Object) -> None:
    sync_service_account(new["spec"])


def _prepare_status_update(new: Object, old: Object) -> None:
    """Who writes a status may leave out the class; owners are not the status writer's business."""
    status = new.setdefault("status", {})
    if not status.get("qosClass") and (known := get_path(old, ("status", "qosClass"))):
        status["qosClass"] = known
    _keep_owners(new, old)


def _grace(pod: Object, asked: int | None) -> int:
    """Only a pod that may run on a node takes time to go: CheckGracefulDelete."""
    spec = pod["spec"]
    if not spec.get("nodeName") or get_path(pod, ("status", "phase")) in ("Succeeded", "Failed"):
        return 0
    grace = spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE) if asked is None else asked
    return 1 if grace < 0 else int(grace)


def _validate(pod: Object) -> Errors:
    spec = pod["spec"]
    yield from validate_pod_spec(spec, SPEC, is_pod=True)
    yield from validate_profile_annotations(pod, Path("metadata").child("annotations"))
    if pod["metadata"].get("resourceVersion"):
        return
    if spec.get("ephemeralContainers"):
        yield forbidden(SPEC.child("ephemeralContainers"), "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield forbidden(SPEC.child("nodeName"), "cannot be set until all schedulingGates have been cleared")


def _field(*path: str) -> Callable[[Object], str]:
    return lambda pod: str(get_path(pod, path, ""))


def _host_network(pod: Object) -> str:
    return "true" if pod["spec"].get("hostNetwork") else "false"


KIND = Kind(
    name="Pod",
    plural="pods",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Pod", default=default_pod),),
    short_names=("po",),
    categories=("all",),
    columns=COLUMNS,
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    prepare_status_update=_prepare_status_update,
    validate=_validate,
    validate_update=validate_pod_update,
    validate_status_update=validate_pod_status_update,
    warnings=pod_warnings,
    grace=_grace,
    returns_deleted=True,
    reset_fields={"status": in_metadata("deletionTimestamp", "ownerReferences")},
    selectable_fields={
        "spec.nodeName": _field("spec", "nodeName"),
        "spec.restartPolicy": _field("spec", "restartPolicy"),
        "spec.schedulerName": _field("spec", "schedulerName"),
        "spec.serviceAccountName": _field("spec", "serviceAccountName"),
        "spec.hostNetwork": _host_network,
        "status.phase": _field("status", "phase"),
        "status.podIP": _field("status", "podIP"),
        "status.nominatedNodeName": _field("status", "nominatedNodeName"),
    },
    defaults=POD_DEFAULTS,
    default_functions=POD_SPEC_FUNCTIONS,
    rules=POD_SPEC_RULES,
)
