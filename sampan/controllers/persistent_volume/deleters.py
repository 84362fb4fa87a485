"""Who deletes the storage of a volume that nobody claims any more. Pure; called by deleting.py.

An external provisioner does, where one made the volume or a CSI driver has it. Of the plugins in the tree only
hostPath's deletes; for others the volume fails. Rules: upstream's findDeletablePlugin.
"""

from typing import NamedTuple

from sampan.controllers.persistent_volume.marks import MIGRATED_TO
from sampan.controllers.persistent_volume.migration import IN_TREE
from sampan.controllers.persistent_volume.provisioning import HOST_PATH, NFS
from sampan.kinds.core.volume_matching import PROVISIONED_BY
from sampan.machinery.meta import Object, annotations_of


class Deleter(NamedTuple):
    """Ourselves, somebody else, or nobody, and then why."""

    is_ours: bool = False
    problem: str = ""


OURS, EXTERNAL = Deleter(is_ours=True), Deleter()


def deleter_of(volume: Object) -> Deleter:
    """Who is to delete what a volume stands for."""
    marks = annotations_of(volume)
    if plugin := marks.get(PROVISIONED_BY):
        return _named(plugin)
    if MIGRATED_TO in marks or volume["spec"].get("csi") is not None:
        return EXTERNAL
    if volume["spec"].get("hostPath") is not None:
        return OURS
    is_nfs = volume["spec"].get("nfs") is not None
    problem = "no deletable volume plugin matched" if is_nfs else "no volume plugin matched"
    name = volume["metadata"]["name"]
    return Deleter(problem=f'error getting deleter volume plugin for volume "{name}": {problem}')


def _named(plugin: str) -> Deleter:
    if plugin == HOST_PATH:
        return OURS
    if not plugin.startswith(IN_TREE):
        return EXTERNAL
    if plugin == NFS:
        return Deleter(problem="no deletable volume plugin matched")
    return Deleter(problem=f"no volume plugin matched name: {plugin}")
