"""VolumeAttachments: what ours are called, and how far they are. Pure; called by the other modules of the folder.

Rules: upstream's pkg/volume/csi (getAttachmentName, GetVolumeName).
"""

from enum import Enum
from hashlib import sha256
from typing import NamedTuple

from sampan.kinds.storage.volume_attachment import KIND as ATTACHMENT
from sampan.machinery.meta import Object, is_deleting
from sampan.machinery.tree import get_path

_PREFIX = "kubernetes.io/csi/"


class Volume(NamedTuple):
    """A volume as its driver knows it."""

    driver: str
    handle: str

    @property
    def unique_name(self) -> str:
        """As nodes name it in their status."""
        return f"{_PREFIX}{self.driver}^{self.handle}"

    def attachment_name(self, node: str) -> str:
        """The name of its VolumeAttachment to a node."""
        return f"csi-{sha256(f'{self.handle}{self.driver}{node}'.encode()).hexdigest()}"

    def attachment(self, name: str, node: str) -> Object:
        """A new VolumeAttachment of the PersistentVolume `name`."""
        return {
            "apiVersion": ATTACHMENT.api_version,
            "kind": ATTACHMENT.name,
            "metadata": {"name": self.attachment_name(node)},
            "spec": {"attacher": self.driver, "nodeName": node, "source": {"persistentVolumeName": name}},
        }


class State(Enum):
    """How far a VolumeAttachment is."""

    MISSING = 0
    ATTACHING = 1
    ATTACHED = 2
    DETACHING = 3


def state_of(attachment: Object | None) -> State:
    """How far it is: what is being deleted counts no longer as attached."""
    if attachment is None:
        return State.MISSING
    if is_deleting(attachment):
        return State.DETACHING
    return State.ATTACHED if get_path(attachment, ("status", "attached")) else State.ATTACHING


def volume_of(persistent: Object) -> Volume | None:
    """The CSI volume of a PersistentVolume."""
    source = persistent["spec"].get("csi")
    return None if source is None else Volume(source.get("driver") or "", source.get("volumeHandle") or "")


def named(unique_name: str) -> Volume | None:
    """The CSI volume that a node's status names."""
    driver, separator, handle = unique_name.removeprefix(_PREFIX).partition("^")
    return Volume(driver, handle) if separator and unique_name.startswith(_PREFIX) else None


def persistent_volume_of(attachment: Object) -> str:
    """The name of the PersistentVolume that it attaches; empty for one that a pod brings itself."""
    return str(get_path(attachment, ("spec", "source", "persistentVolumeName"), ""))


def node_of(attachment: Object) -> str:
    """The name of the node that it attaches to."""
    return str(attachment["spec"].get("nodeName") or "")


def attach_error(attachment: Object | None) -> str:
    """Why attaching has failed; empty where it has not."""
    return str(get_path(attachment, ("status", "attachError", "message"), ""))
