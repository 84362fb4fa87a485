"""Checks of the restricted level that make containers run as ordinary users, with files of their own."""

from sampan.apiserver.admission.pod_security.wording import (
    Finding,
    has_own_users,
    is_windows,
    named,
    names_where,
    number,
    quoted,
    security,
    setters,
)
from sampan.machinery.meta import Object

_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected"}
    | {"secret"}
)
# Of a volume that is of several types, the first of these is named.
_RESTRICTED_VOLUMES = (
    *("hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd"),
    *("flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk"),
    *("photonPersistentDisk", "portworxVolume", "scaleIO", "storageos"),
)


def privilege_escalation(_: Object, spec: Object) -> Finding | None:
    """No process gets more rights than its parent."""
    names = names_where(spec, lambda container: security(container).get("allowPrivilegeEscalation") is not False)
    if not names:
        return None
    detail = f"{named(names)} must set securityContext.allowPrivilegeEscalation=false"
    return Finding("allowPrivilegeEscalation != false", detail)


def privilege_escalation_on_linux(meta: Object, spec: Object) -> Finding | None:
    """As `privilege_escalation`, but Windows has nothing of the kind."""
    return None if is_windows(spec) else privilege_escalation(meta, spec)


def volumes(_: Object, spec: Object) -> Finding | None:
    """Only volumes that need no right of the node."""
    bad = [volume for volume in spec.get("volumes") or () if not _types(volume) & _VOLUMES]
    if not bad:
        return None
    types = sorted({next(filter(_types(volume).__contains__, _RESTRICTED_VOLUMES), "unknown") for volume in bad})
    names = f"{number(len(bad), 'volume')} {quoted(volume.get('name') or '' for volume in bad)}"
    words = f"{number(len(bad), 'uses', 'use')} {number(len(types), 'restricted volume type')} {quoted(types)}"
    return Finding("restricted volume types", f"{names} {words}")


def _types(volume: Object) -> set[str]:
    return {field for field, value in volume.items() if value is not None}


def run_as_non_root(_: Object, spec: Object) -> Finding | None:
    """Nothing runs as root, by promise of the container or the pod."""
    reason = "runAsNonRoot != true"
    for_all = security(spec).get("runAsNonRoot")
    names = names_where(spec, lambda container: security(container).get("runAsNonRoot") is False)
    if who := setters(pod=for_all is False, names=names):
        return Finding(reason, f"{who} must not set securityContext.runAsNonRoot=false")
    open_ = names_where(spec, lambda container: security(container).get("runAsNonRoot") is None)
    if for_all is None and open_:
        return Finding(reason, f"pod or {named(open_)} must set securityContext.runAsNonRoot=true")
    return None


def run_as_non_root_of_node_users(meta: Object, spec: Object) -> Finding | None:
    """As `run_as_non_root`, but root of a user namespace is nobody."""
    return None if has_own_users(spec) else run_as_non_root(meta, spec)


def run_as_user(_: Object, spec: Object) -> Finding | None:
    """Nobody asks to be root."""
    names = names_where(spec, lambda container: security(container).get("runAsUser") == 0)
    who = setters(pod=security(spec).get("runAsUser") == 0, names=names)
    return Finding("runAsUser=0", f"{who} must not set runAsUser=0") if who else None


def run_as_user_of_node_users(meta: Object, spec: Object) -> Finding | None:
    """As `run_as_user`, but root of a user namespace is nobody."""
    return None if has_own_users(spec) else run_as_user(meta, spec)
