"""PersistentVolume: a piece of storage of the cluster, whoever uses it.

Rules and texts: k8s.io/kubernetes/pkg/apis/core/validation (ValidatePersistentVolumeSpec, ...Update), defaults and
warnings: pkg/apis/core/v1, pkg/api/persistentvolume.
"""

from datetime import datetime

from sampan.kinds.checks import SPEC, Errors, optional_name, required_name, supported, unchanged
from sampan.kinds.columns import AGE, NAME, text
from sampan.kinds.core.persistent_volume_sources import SOURCES, validate_sources
from sampan.kinds.core.pod_warnings import Warnings, node_label_warning
from sampan.kinds.core.podspec_defaults import CORE, POD_SPEC_DEFAULTS
from sampan.kinds.core.scheduling_validation import validate_node_selector
from sampan.kinds.core.volume_claims import (
    CLASS_ANNOTATION,
    CLASS_WARNING,
    VOLUME_MODES,
    basic_amount,
    class_of,
    phase,
    positive_amount,
    short_modes,
    spec_cell,
    validate_access_modes,
)
from sampan.kinds.differences import differences
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object, annotations_of, format_time
from sampan.machinery.tree import deep_copy, get_path, semantic_equal
from sampan.machinery.validation import Path, dns_subdomain, forbidden, invalid, not_supported, required

_DEFINITION = CORE + "PersistentVolume"
_MOUNT_OPTIONS = "volume.beta.kubernetes.io/mount-options"
_WITH_MOUNT_OPTIONS = (
    *("gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "cinder"),
    *("cephfs", "azureFile", "vsphereVolume", "azureDisk", "photonPersistentDisk"),
)
_AFFINITY, _POLICY = SPEC.child("nodeAffinity"), SPEC.child("persistentVolumeReclaimPolicy")
_ATTRIBUTES = SPEC.child("volumeAttributesClassName")
_GONE = {
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}


def _default(volume: Object) -> None:
    """Of a volume, not of every spec of one: VolumeAttachments have some."""
    volume["spec"].setdefault("persistentVolumeReclaimPolicy", "Retain")
    volume["spec"].setdefault("volumeMode", "Filesystem")


def _prepare_create(volume: Object) -> None:
    volume["status"] = {"phase": "Pending", "lastPhaseTransitionTime": volume["metadata"].get("creationTimestamp")}


def _stamp_status(new: Object, old: Object | None, now: datetime) -> None:
    """When the phase has changed, unless whoever changes it says when (KEP-3762)."""
    status, before = dict(new.get("status") or {}), (old or {}).get("status") or {}
    said, known = status.get("lastPhaseTransitionTime"), before.get("lastPhaseTransitionTime")
    if status.get("phase") == before.get("phase"):
        if said is None and known is not None:
            status["lastPhaseTransitionTime"] = known
    elif said is None or said == known:
        status["lastPhaseTransitionTime"] = format_time(now)
    new["status"] = status


def _validate(volume: Object) -> Errors:
    spec = volume["spec"]
    if not spec.get("accessModes"):
        yield required(SPEC.child("accessModes"))
    yield from validate_access_modes(spec.get("accessModes") or [], SPEC.child("accessModes"))
    yield from _capacity(spec.get("capacity") or {}, SPEC.child("capacity"))
    policy = spec.get("persistentVolumeReclaimPolicy") or None
    yield from supported(_POLICY, policy, ("Delete", "Recycle", "Retain"))
    yield from _affinity(spec)
    yield from validate_sources(spec, volume["metadata"].get("name") or "", SPEC)
    if spec.get("local") is not None and spec.get("nodeAffinity") is None:
        yield required(_AFFINITY, "Local volume requires node affinity")
    if policy == "Recycle" and _is_root(get_path(spec, ("hostPath", "path"), "")):
        yield forbidden(_POLICY, "may not be 'recycle' for a hostPath mount of '/'")
    yield from optional_name(SPEC.child("storageClassName"), spec.get("storageClassName"), dns_subdomain)
    yield from supported(SPEC.child("volumeMode"), spec.get("volumeMode"), VOLUME_MODES)
    yield from _attributes(spec)
    if _MOUNT_OPTIONS in annotations_of(volume) and not any(spec.get(type_) for type_ in _WITH_MOUNT_OPTIONS):
        where = Path("metadata").child("annotations", _MOUNT_OPTIONS)
        yield forbidden(where, "may not specify mount options for this volume type")


def _capacity(capacity: dict[str, str], path: Path) -> Errors:
    if not capacity:
        yield required(path)
    if set(capacity) != {"storage"}:
        yield not_supported(path, capacity, ["storage"])
    for name, amount in capacity.items():
        yield from basic_amount(amount, path.key(name))
        yield from positive_amount(amount, path.key(name))


def _affinity(spec: Object) -> Errors:
    if (affinity := spec.get("nodeAffinity")) is None:
        return
    if (needed := affinity.get("required")) is None:
        yield required(_AFFINITY.child("required"), "must specify required node constraints")
    else:
        yield from validate_node_selector(needed, _AFFINITY.child("required"))


def _attributes(spec: Object) -> Errors:
    if (name := spec.get("volumeAttributesClassName")) is None:
        return
    if not name:
        yield required(_ATTRIBUTES, "an empty string is disallowed")
    else:
        yield from required_name(_ATTRIBUTES, name, dns_subdomain)
    if spec.get("csi") is None:
        yield required(SPEC.child("csi"), "has to be specified when using volumeAttributesClassName")


def _is_root(path: str) -> bool:
    return path.startswith("/") and not path.strip("/.")


def _validate_update(new: Object, old: Object) -> Errors:
    """Where the volume lies is for life; a secret for growing it may come later."""
    after, before = _sources(new), _sources(old)
    if before.get("csi") and after.get("csi") and before["csi"].get("controllerExpandSecretRef") is None:
        after["csi"].pop("controllerExpandSecretRef", None)
    if not semantic_equal(after, before):
        changes = "\n".join(differences(before, after))
        detail = f"spec.persistentvolumesource is immutable after creation\n{changes}"
        yield forbidden(SPEC.child("persistentvolumesource"), detail)
    yield from unchanged("volumeMode", new["spec"].get("volumeMode"), old["spec"].get("volumeMode"))
    affinity = old["spec"].get("nodeAffinity")
    if affinity is not None and not semantic_equal(new["spec"].get("nodeAffinity"), affinity):
        detail = "field is immutable, except for updating from beta label to GA"
        yield invalid("nodeAffinity", new["spec"].get("nodeAffinity"), detail)
    attributes = "volumeAttributesClassName"
    if old["spec"].get(attributes) is not None and new["spec"].get(attributes) is None:
        yield forbidden(_ATTRIBUTES, "update from non-nil value to nil is forbidden")


def _sources(volume: Object) -> Object:
    return {type_: deep_copy(volume["spec"][type_]) for type_ in SOURCES if volume["spec"].get(type_) is not None}


def _warnings(volume: Object) -> Warnings:
    annotations, spec = annotations_of(volume), volume["spec"]
    for key, told in (
        (CLASS_ANNOTATION, CLASS_WARNING),
        (_MOUNT_OPTIONS, 'deprecated since v1.31; use "mountOptions" attribute instead'),
    ):
        if key in annotations:
            yield f"metadata.annotations[{key}]: {told}"
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        advice = "Instead, the recommended approach is to use dynamic provisioning."
        yield f"{_POLICY}: The Recycle reclaim policy is deprecated. {advice}"
    for index, term in enumerate(get_path(spec, ("nodeAffinity", "required", "nodeSelectorTerms"), [])):
        for position, item in enumerate(term.get("matchExpressions") or ()):
            path = _AFFINITY.child("required", "nodeSelectorTerms").index(index).child("matchExpressions")
            key = item.get("key") or ""
            yield from node_label_warning(key, f"{path.index(position).child('key')}: {key} is ")
    for type_, told in _GONE.items():
        if spec.get(type_) is not None:
            yield f"spec.{'storageOS' if type_ == 'storageos' else type_}: {told}"


def _claim(volume: Object, now: datetime) -> str:
    ref = get_path(volume, ("spec", "claimRef"))
    return "" if ref is None else f"{ref.get('namespace') or ''}/{ref.get('name') or ''}"


KIND = Kind(
    name="PersistentVolume",
    plural="persistentvolumes",
    versions=(ServedVersion("", "v1", _DEFINITION, default=_default),),
    namespaced=False,
    short_names=("pv",),
    columns=(
        NAME,
        Column("Capacity", text("spec", "capacity", "storage", default="0"), description="Its size."),
        Column(
            "Access Modes",
            lambda volume, now: short_modes(volume["spec"].get("accessModes")),
            description="How it can be mounted.",
        ),
        Column(
            "Reclaim Policy",
            text("spec", "persistentVolumeReclaimPolicy"),
            description="What becomes of it when its claim is gone.",
        ),
        Column("Status", phase, description="Whether it is claimed."),
        Column("Claim", _claim, description="The claim that has it."),
        Column("StorageClass", lambda volume, now: class_of(volume), description="Its class."),
        Column(
            "VolumeAttributesClass",
            lambda volume, now: spec_cell("volumeAttributesClassName", volume),
            description="The class of its attributes.",
        ),
        Column("Reason", text("status", "reason"), description="Why its status is what it is."),
        AGE,
        Column(
            "VolumeMode",
            lambda volume, now: spec_cell("volumeMode", volume),
            priority=1,
            description="Files or blocks.",
        ),
    ),
    prepare_create=_prepare_create,
    stamp_status=_stamp_status,
    validate=_validate,
    validate_update=_validate_update,
    warnings=_warnings,
    selectable_fields={"name": lambda volume: str(volume["metadata"].get("name") or "")},
    has_generation=False,
    defaults={
        **{CORE + name: POD_SPEC_DEFAULTS[CORE + name] for name in ("HostPathVolumeSource", "AzureDiskVolumeSource")},
        _DEFINITION: {"spec": {}},
        _DEFINITION + "Status": {"phase": "Pending"},
        CORE + "RBDPersistentVolumeSource": POD_SPEC_DEFAULTS[CORE + "RBDVolumeSource"],
        CORE + "ISCSIPersistentVolumeSource": POD_SPEC_DEFAULTS[CORE + "ISCSIVolumeSource"],
        CORE + "ScaleIOPersistentVolumeSource": POD_SPEC_DEFAULTS[CORE + "ScaleIOVolumeSource"],
    },
    returns_deleted=True,
)
