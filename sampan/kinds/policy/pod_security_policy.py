"""PodSecurityPolicy: which pods could be created, until Kubernetes 1.25. Kept so that old manifests are taken; nothing
enforces one. extensions/v1beta1 is identical. Types and rules: k8s.io/api and k8s.io/kubernetes before 1.25.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import NAME, joined, text
from sampan.kinds.core.persistent_volume_sources import validate_driver_name
from sampan.kinds.inert import nothing_acts
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Schema
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, invalid, not_supported, required

_TYPES = "io.k8s.api.policy.v1beta1."
_DEFINITION = _TYPES + "PodSecurityPolicy"
_ANY, _MUST, _MAY = "RunAsAny", "MustRunAs", "MayRunAs"
_RULES = {
    "seLinux": (_MUST, _ANY),
    "runAsUser": (_MUST, "MustRunAsNonRoot", _ANY),
    "runAsGroup": (_MUST, _ANY, _MAY),
    "supplementalGroups": (_MUST, _ANY, _MAY),
    "fsGroup": (_MUST, _ANY, _MAY),
}
_VOLUMES = (
    *("*", "awsElasticBlockStore", "azureDisk", "azureFile", "cephFS", "cinder", "configMap", "csi", "downwardAPI"),
    *("emptyDir", "ephemeral", "fc", "flexVolume", "flocker", "gcePersistentDisk", "gitRepo", "glusterfs", "hostPath"),
    *("image", "iscsi", "nfs", "none", "persistentVolumeClaim", "photonPersistentDisk", "portworxVolume", "projected"),
    *("quobyte", "rbd", "scaleIO", "secret", "storageos", "vsphereVolume"),
)


_LISTS = (
    *("defaultAddCapabilities", "requiredDropCapabilities", "allowedCapabilities", "volumes"),
    *("allowedUnsafeSysctls", "forbiddenSysctls", "allowedProcMountTypes"),
)
_FLAGS = (
    *("privileged", "hostNetwork", "hostPID", "hostIPC", "readOnlyRootFilesystem"),
    *("defaultAllowPrivilegeEscalation", "allowPrivilegeEscalation"),
)
_STRATEGY = {"rule": "string", "ranges": f"[]{_TYPES}IDRange"}
_NEW_TYPES = {  # fields of each type; one whose name ends in "!" is written even when it is empty
    "IDRange": {"min!": "int64", "max!": "int64"},
    "HostPortRange": {"min!": "int32", "max!": "int32"},
    "SELinuxStrategyOptions": {"rule!": "string", "seLinuxOptions": "io.k8s.api.core.v1.SELinuxOptions"},
    "RunAsUserStrategyOptions": {"rule!": "string", "ranges": _STRATEGY["ranges"]},
    "RunAsGroupStrategyOptions": {"rule!": "string", "ranges": _STRATEGY["ranges"]},
    "SupplementalGroupsStrategyOptions": _STRATEGY,
    "FSGroupStrategyOptions": _STRATEGY,
    "AllowedHostPath": {"pathPrefix": "string", "readOnly": "boolean"},
    "AllowedFlexVolume": {"driver!": "string"},
    "AllowedCSIDriver": {"name!": "string"},
    "RuntimeClassStrategyOptions": {"allowedRuntimeClassNames!": "[]string", "defaultRuntimeClassName": "string"},
    "PodSecurityPolicySpec": {
        **dict.fromkeys(_LISTS, "[]string"),
        **dict.fromkeys(_FLAGS, "boolean"),
        "hostPorts": f"[]{_TYPES}HostPortRange",
        "seLinux!": f"{_TYPES}SELinuxStrategyOptions",
        "runAsUser!": f"{_TYPES}RunAsUserStrategyOptions",
        "runAsGroup": f"{_TYPES}RunAsGroupStrategyOptions",
        "supplementalGroups!": f"{_TYPES}SupplementalGroupsStrategyOptions",
        "fsGroup!": f"{_TYPES}FSGroupStrategyOptions",
        "allowedHostPaths": f"[]{_TYPES}AllowedHostPath",
        "allowedFlexVolumes": f"[]{_TYPES}AllowedFlexVolume",
        "allowedCSIDrivers": f"[]{_TYPES}AllowedCSIDriver",
        "runtimeClass": f"{_TYPES}RuntimeClassStrategyOptions",
    },
}


def _define(known: Schema) -> None:
    for name, fields in _NEW_TYPES.items():
        required = [field.rstrip("!") for field in fields if field.endswith("!")]
        known.define(_TYPES + name, {field.rstrip("!"): type_ for field, type_ in fields.items()}, required)
    # What every object has, from a kind of the group that there still is.
    spec = {"spec": _TYPES + "PodSecurityPolicySpec"}
    known.derive(_DEFINITION, "io.k8s.api.policy.v1.PodDisruptionBudget", spec, drop=["status"])


def _validate(policy: Object) -> Errors:
    spec = policy["spec"]
    for field, allowed in _RULES.items():
        if (strategy := spec.get(field)) is not None or field != "runAsGroup":
            yield from _strategy(strategy or {}, allowed, SPEC.child(field))
    for index, type_ in enumerate(spec.get("volumes") or ()):
        if type_ not in _VOLUMES:
            yield not_supported(SPEC.child("volumes").index(index), type_, _VOLUMES)
    for field in ("defaultAddCapabilities", "allowedCapabilities"):
        for capability in spec.get("requiredDropCapabilities") or ():
            if capability in (spec.get(field) or ()):
                yield invalid(SPEC.child(field), capability, "capability is also listed in requiredDropCapabilities")
    if spec.get("defaultAllowPrivilegeEscalation") and spec.get("allowPrivilegeEscalation") is False:
        detail = (
            "Cannot set DefaultAllowPrivilegeEscalation to true without also setting AllowPrivilegeEscalation to true"
        )
        yield invalid(SPEC.child("defaultAllowPrivilegeEscalation"), True, detail)
    yield from _ranges(spec.get("hostPorts") or [], SPEC.child("hostPorts"))
    yield from _allowed(spec)


def _strategy(strategy: Object, allowed: Sequence[str], path: Path) -> Errors:
    rule, ranges = strategy.get("rule") or "", strategy.get("ranges") or []
    if rule not in allowed:
        yield not_supported(path.child("rule"), rule, allowed)
    yield from _ranges(ranges, path.child("ranges"))


def _ranges(ranges: Sequence[Object], path: Path) -> Errors:
    for index, item in enumerate(ranges):
        low, high, at = item.get("min") or 0, item.get("max") or 0, path.index(index)
        for field, number in (("min", low), ("max", high)):
            if number < 0:
                yield invalid(at.child(field), number, f"{field} cannot be negative")
        if low > high:
            yield invalid(at, item, "min cannot be greater than max")


def _allowed(spec: Object) -> Errors:
    for index, path in enumerate(spec.get("allowedHostPaths") or ()):
        if not path.get("pathPrefix"):
            yield required(SPEC.child("allowedHostPaths").index(index), "is required")
    for index, volume in enumerate(spec.get("allowedFlexVolumes") or ()):
        if not volume.get("driver"):
            yield required(SPEC.child("allowedFlexVolumes").index(index).child("driver"), "must specify a driver")
    for index, driver in enumerate(spec.get("allowedCSIDrivers") or ()):
        at = SPEC.child("allowedCSIDrivers").index(index).child("name")
        yield from validate_driver_name(driver.get("name") or "", at)


def _listed(field: str) -> Callable[[Object, datetime], str]:
    return lambda policy, now: joined(get_path(policy, ("spec", field), []))


def _flag(field: str) -> Callable[[Object, datetime], str]:
    return lambda policy, now: "true" if get_path(policy, ("spec", field)) else "false"


def _version(group: str, deprecated: str, removed: str) -> ServedVersion:
    instead = "policy/v1beta1 PodSecurityPolicy" if group == "extensions" else ""
    return ServedVersion(group, "v1beta1", _DEFINITION, deprecated=deprecated, removed=removed, replacement=instead)


KIND = Kind(
    name="PodSecurityPolicy",
    plural="podsecuritypolicies",
    versions=(_version("policy", "1.21", "1.25"), _version("extensions", "1.11", "1.16")),
    namespaced=False,
    short_names=("psp",),
    columns=(
        NAME,
        Column("Priv", _flag("privileged"), description="Whether containers may be privileged."),
        Column("Caps", _listed("allowedCapabilities"), description="Capabilities that containers may add."),
        Column("SELinux", text("spec", "seLinux", "rule"), description="Which labels are allowed."),
        Column("RunAsUser", text("spec", "runAsUser", "rule"), description="Which users are allowed."),
        Column("FsGroup", text("spec", "fsGroup", "rule"), description="Which groups of files are allowed."),
        Column("SupGroup", text("spec", "supplementalGroups", "rule"), description="Which more groups are allowed."),
        Column("ReadOnlyRootFs", _flag("readOnlyRootFilesystem"), description="Whether root must be read-only."),
        Column("Volumes", _listed("volumes"), description="Types of volumes that are allowed."),
    ),
    validate=_validate,
    create_warnings=nothing_acts("no pod is refused for it; see the Pod Security Standards"),
    has_status=False,
    has_generation=False,
    definitions=_define,
    defaults={_DEFINITION: {"spec": {}}, _DEFINITION + "Spec": {"allowPrivilegeEscalation": True}},
)
