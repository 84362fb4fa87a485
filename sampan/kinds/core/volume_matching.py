"""Which PersistentVolume a claim gets, and when it has got it.

Pure, and shared by the controller that binds claims at once and the scheduler that binds them when a pod comes (for
both have to come to the same end). Rules: docs, Persistent Volumes, "Binding"; k8s.io/component-helpers/storage/volume.
"""

from collections.abc import Collection, Iterable, Mapping

from sampan.kinds.core.claim_validation import ATTRIBUTES, STORAGE
from sampan.kinds.core.node_selectors import volume_allows
from sampan.kinds.core.volume_claims import class_of
from sampan.machinery import quantity
from sampan.machinery.meta import Object, annotations_of, is_deleting, labels_of
from sampan.machinery.selectors import from_label_selector
from sampan.machinery.tree import get_path

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"  # of a claim
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"  # of both: not by the user's own hand
SELECTED_NODE = "volume.kubernetes.io/selected-node"  # of a claim that is to be provisioned for a pod there
PROVISIONER = "volume.kubernetes.io/storage-provisioner"  # of a claim: who is to make its volume
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"  # of a volume
EXTERNAL_FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"  # of a volume whose maker has to remove it
NO_PROVISIONER = "kubernetes.io/no-provisioner"
WAIT_FOR_CONSUMER = "WaitForFirstConsumer"


def is_bound(claim: Object) -> bool:
    """Whether a claim has its volume, and both say so."""
    return bool(claim["spec"].get("volumeName")) and BIND_COMPLETED in annotations_of(claim)


def waits_for_consumer(storage_class: Object | None) -> bool:
    """Whether claims of a class are bound when there is a pod that uses them, where it is to run."""
    return storage_class is not None and storage_class.get("volumeBindingMode") == WAIT_FOR_CONSUMER


def is_volume_of(volume: Object, claim: Object) -> bool:
    """Whether a volume is reserved for, or bound to, a claim."""
    ref, meta = volume["spec"].get("claimRef"), claim["metadata"]
    if not ref or (ref.get("namespace"), ref.get("name")) != (meta["namespace"], meta["name"]):
        return False
    return ref.get("uid") in (None, "", meta["uid"])


def claim_ref(claim: Object) -> Object:
    """The reference to a claim that its volume keeps."""
    meta = claim["metadata"]
    ref = {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
    ref |= {"namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
    return ref | {"resourceVersion": meta["resourceVersion"]}


def matching_volume(
    claim: Object,
    volumes: Iterable[Object],
    *,
    labels: Mapping[str, str] | None = None,
    taken: Collection[str] = (),
    only_reserved: bool = False,
) -> Object | None:
    """The volume that is reserved for a claim, else the smallest that is available and fits; None for none.

    `labels` are those of the node that has to reach it, where there is one. `taken` are names of volumes that have
    been chosen already. `only_reserved` leaves all others to the scheduler.
    """
    fitting = [v for v in volumes if v["metadata"]["name"] not in taken and _could_be(v, claim)]
    reserved = next((volume for volume in fitting if is_volume_of(volume, claim)), None)
    if reserved is not None:
        return reserved if labels is None or volume_allows(reserved, labels) else None
    if only_reserved:
        return None
    selector = from_label_selector(given) if (given := claim["spec"].get("selector")) else None
    free = [
        volume
        for volume in fitting
        if get_path(volume, ("status", "phase")) == "Available"
        and class_of(volume) == class_of(claim)
        and has_modes(volume, claim)
        and (selector is None or selector.matches(labels_of(volume)))
        and (labels is None or volume_allows(volume, labels))
    ]
    return min(free, key=_size, default=None)


def has_modes(volume: Object, claim: Object) -> bool:
    """Whether a volume offers every access mode that a claim wants."""
    return set(claim["spec"].get("accessModes") or ()) <= set(volume["spec"].get("accessModes") or ())


def same_volume_mode(volume: Object, claim: Object) -> bool:
    """Whether both are file systems, or both blocks."""
    return _volume_mode(volume) == _volume_mode(claim)


def is_large_enough(volume: Object, claim: Object) -> bool:
    """Whether a volume has what a claim requests."""
    return _size(volume) >= quantity.parse(get_path(claim, ("spec", *STORAGE), "0")).nano


def requested_size(claim: Object) -> int:
    """Bytes that a claim wants."""
    return quantity.value(get_path(claim, ("spec", *STORAGE), "0"))


def _could_be(volume: Object, claim: Object) -> bool:
    """What has to hold of reserved volumes, too."""
    if volume["spec"].get("claimRef") and not is_volume_of(volume, claim):
        return False
    same_class = (volume["spec"].get(ATTRIBUTES) or "") == (claim["spec"].get(ATTRIBUTES) or "")
    fits = is_large_enough(volume, claim) and same_volume_mode(volume, claim)
    return fits and same_class and not is_deleting(volume)


def _size(volume: Object) -> int:
    """Exactly: quantities may have fractions of bytes."""
    return quantity.parse(get_path(volume, ("spec", "capacity", "storage"), "0")).nano


def _volume_mode(obj: Object) -> str:
    return obj["spec"].get("volumeMode") or "Filesystem"
