"""What has become of storage that was once part of Kubernetes: a CSI driver does it now. Pure.

Volumes and claims that name the old plugin are marked with the driver's name, and the controllers leave them to it.
Rules: KEP-625; the names are those of k8s.io/csi-translation-lib.
"""

from collections.abc import Mapping

from sampan.controllers.persistent_volume.marks import BETA_PROVISIONER, IN_TREE_FINALIZER, MIGRATED_TO, annotated
from sampan.kinds.core.volume_matching import EXTERNAL_FINALIZER, PROVISIONED_BY, PROVISIONER
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.tree import REMOVED, with_changes

IN_TREE = "kubernetes.io/"
DRIVERS: Mapping[str, str] = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/azure-file": "file.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/portworx-volume": "pxd.portworx.com",
    "kubernetes.io/vsphere-volume": "csi.vsphere.vmware.com",
}
_PLUGINS = {
    "awsElasticBlockStore": "kubernetes.io/aws-ebs",
    "azureDisk": "kubernetes.io/azure-disk",
    "azureFile": "kubernetes.io/azure-file",
    "cinder": "kubernetes.io/cinder",
    "gcePersistentDisk": "kubernetes.io/gce-pd",
    "portworxVolume": "kubernetes.io/portworx-volume",
    "vsphereVolume": "kubernetes.io/vsphere-volume",
}


def plugin_of(volume: Object) -> str:
    """The plugin that a volume's storage once had, if a driver has taken over from it; empty otherwise."""
    return next((name for source, name in _PLUGINS.items() if volume["spec"].get(source) is not None), "")


def marked_claim(claim: Object) -> Object:
    """The claim, marked with the driver that has taken over from its provisioner; itself where nothing changes."""
    marks = annotations_of(claim)
    return _marked(claim, marks.get(PROVISIONER, marks.get(BETA_PROVISIONER)))


def marked_volume(volume: Object) -> Object:
    """The volume, marked so, and with the finalizers that it should have."""
    return _with_finalizers(_marked(volume, annotations_of(volume).get(PROVISIONED_BY)))


def _marked(obj: Object, plugin: str | None) -> Object:
    if plugin is None:
        return obj
    driver, known = DRIVERS.get(plugin), annotations_of(obj).get(MIGRATED_TO)
    return obj if (known or None) == driver else annotated(obj, {MIGRATED_TO: driver})


def _with_finalizers(volume: Object) -> Object:
    """What a plugin here has made stays until its storage is deleted here; nobody else's finalizer holds it."""
    plugin = annotations_of(volume).get(PROVISIONED_BY)
    found = list(volume["metadata"].get("finalizers") or ())
    if plugin is None or not plugin.startswith(IN_TREE):
        return volume
    wanted = [name for name in found if plugin in DRIVERS or name != EXTERNAL_FINALIZER]
    is_ours = plugin not in DRIVERS and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
    if is_ours and IN_TREE_FINALIZER not in wanted:
        wanted.append(IN_TREE_FINALIZER)
    elif not is_ours:
        wanted = [name for name in wanted if name != IN_TREE_FINALIZER]
    return volume if wanted == found else with_changes(volume, {("metadata", "finalizers"): wanted or REMOVED})
