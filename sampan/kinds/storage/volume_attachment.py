"""VolumeAttachment: a volume that shall be attached to a node, and whether it is.

Rules and texts: k8s.io/kubernetes/pkg/apis/storage/validation; of a volume without an object of its own: pkg/apis/core.
"""

from datetime import datetime

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, text
from sampan.kinds.core.persistent_volume_sources import validate_driver_name, validate_sources
from sampan.kinds.core.volume_claims import validate_access_modes
from sampan.kinds.prepare import STATUS_METADATA, fresh_status, in_metadata, keeping_metadata
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.rules import Immutable
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, check, dns_subdomain, forbidden, invalid, required, too_long

_SOURCE = SPEC.child("source")
_NAME_OF_VOLUME = _SOURCE.child("persistentVolumeName")
_ONE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
_INLINE = "in the context of inline volumes"
_MAX_METADATA, _MAX_MESSAGE = 256 * 1024, 1024


def _validate(attachment: Object) -> Errors:
    spec = attachment["spec"]
    yield from validate_driver_name(spec.get("attacher") or "", SPEC.child("attacher"))
    yield from _source(spec.get("source") or {})
    node = spec.get("nodeName") or ""
    yield from check(SPEC.child("nodeName"), node, dns_subdomain(node))
    yield from _status(attachment.get("status") or {}, Path("status"))
    if (name := get_path(spec, ("source", "persistentVolumeName"))) is not None:
        yield from check(_NAME_OF_VOLUME, name, dns_subdomain(name))


def _source(source: Object) -> Errors:
    name, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
    if name is None and inline is None:
        yield required(_SOURCE, _ONE)
    elif name is not None and inline is not None:
        yield forbidden(_SOURCE, _ONE)
    elif inline is not None:
        yield from _inline(inline, _SOURCE.child("inlineVolumeSpec"))
    elif not name:
        yield required(_NAME_OF_VOLUME, "must specify non empty persistentVolumeName")


def _inline(spec: Object, path: Path) -> Errors:
    """The spec of a volume that a pod brings: by CSI only, and for that pod only."""
    for field in ("claimRef", "capacity"):
        if spec.get(field):
            yield forbidden(path.child(field), f"may not be specified {_INLINE}")
    if spec.get("csi") is None:
        yield required(path.child("csi"), f"has to be specified {_INLINE}")
    if not spec.get("accessModes"):
        yield required(path.child("accessModes"))
    yield from validate_access_modes(spec.get("accessModes") or [], path.child("accessModes"))
    if spec.get("persistentVolumeReclaimPolicy") not in (None, "", "Retain"):
        yield forbidden(path.child("persistentVolumeReclaimPolicy"), f"may only be Retain {_INLINE}")
    if spec.get("nodeAffinity") is not None:
        yield forbidden(path.child("nodeAffinity"), f"may not be specified {_INLINE}")
    yield from validate_sources(spec, "", path)
    if spec.get("storageClassName"):
        yield forbidden(path.child("storageClassName"), f"may not be specified {_INLINE}")
    if spec.get("volumeMode") not in (None, "Filesystem"):
        yield forbidden(path.child("volumeMode"), f"may not specify volumeMode other than Filesystem {_INLINE}")


def _status(status: Object, path: Path) -> Errors:
    texts = (text for pair in (status.get("attachmentMetadata") or {}).items() for text in pair)
    if sum(map(_size, texts)) > _MAX_METADATA:
        yield too_long(path.child("attachmentMetadata"), _MAX_METADATA)
    for field in ("attachError", "detachError"):
        error = status.get(field) or {}
        if _size(error.get("message") or "") > _MAX_MESSAGE:
            yield too_long(path.child(field, "message"), _MAX_MESSAGE)
        if (code := error.get("errorCode") or 0) < 0:
            yield invalid(path.child(field, "errorCode"), code, "must be between 0 and 2147483647, inclusive")


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _validate_status_update(new: Object, old: Object) -> Errors:
    yield from _validate(new)


def _attached(attachment: Object, now: datetime) -> bool:
    return bool(get_path(attachment, ("status", "attached")))


KIND = Kind(
    name="VolumeAttachment",
    plural="volumeattachments",
    versions=versions(
        "storage.k8s.io", "io.k8s.api.storage.v1.VolumeAttachment", v1beta1=("1.19", "1.22"), v1alpha1=("1.21", "1.24")
    ),
    namespaced=False,
    columns=(
        NAME,
        Column("Attacher", text("spec", "attacher"), format="name", description="The driver."),
        Column("PV", text("spec", "source", "persistentVolumeName"), description="The volume."),
        Column("Node", text("spec", "nodeName"), description="The node."),
        Column("Attached", _attached, type="boolean", description="Whether it is attached."),
        AGE,
    ),
    prepare_create=fresh_status(attached=False),
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    validate=_validate,
    rules={"io.k8s.api.storage.v1.VolumeAttachment": {"spec": Immutable()}},
    validate_status_update=_validate_status_update,
    has_generation=False,
    allow_unconditional_update=False,
)
