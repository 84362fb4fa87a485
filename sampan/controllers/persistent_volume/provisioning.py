"""What is said to those who make volumes for claims, and what to the user. Pure; called by claim.py.

Volumes are made by external provisioners: they follow claims and wait for the annotation that names them. Of the
plugins that are left in the tree, one could make volumes (kubernetes.io/host-path, for tests of Kubernetes itself),
and upstream has it disabled by default. Rules: docs, Persistent Volumes, "Dynamic"; upstream's provisionClaim.
"""

from sampan.controllers.persistent_volume.marks import BETA_PROVISIONER, annotated
from sampan.controllers.persistent_volume.migration import DRIVERS, IN_TREE, marked_claim
from sampan.controllers.persistent_volume.step import Step, Write, tell
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.volume_matching import PROVISIONER
from sampan.machinery.meta import Object, annotations_of
from sampan.reconcile.events import NORMAL, WARNING

HOST_PATH, NFS = "kubernetes.io/host-path", "kubernetes.io/nfs"
_EXTERNAL = (
    "Waiting for a volume to be created either by the external provisioner '%s' or manually by the system"
    " administrator. If volume creation is delayed, please verify that the provisioner is running and correctly"
    " registered."
)


def provision(claim: Object, name: str, storage_class: Object | None) -> Step:
    """Ask for the volume of a claim on a class, which may not be there."""
    if storage_class is None:
        return _failed(claim, f'storageclass.storage.k8s.io "{name}" not found')
    provisioner = str(storage_class["provisioner"])
    driver = DRIVERS.get(provisioner)
    if driver is None and provisioner == HOST_PATH:
        return _host_path(claim, storage_class)
    if driver is None and provisioner.startswith(IN_TREE):
        return _failed(claim, _unknown(provisioner))
    told = tell(claim, NORMAL, "ExternalProvisioning", _EXTERNAL % (driver or provisioner))
    return Step(_asked(claim, driver or provisioner), (told,))


def _asked(claim: Object, provisioner: str) -> Write | None:
    """The write that names the provisioner, if the claim doesn't."""
    if annotations_of(claim).get(PROVISIONER) == provisioner:
        return None
    return Write(CLAIM, marked_claim(annotated(claim, {BETA_PROVISIONER: provisioner, PROVISIONER: provisioner})))


def _host_path(claim: Object, storage_class: Object) -> Step:
    if claim["spec"].get("dataSource") is not None:
        told = f'plugin "{HOST_PATH}" is not a CSI plugin. Only CSI plugin can provision a claim with a datasource'
        return _failed(claim, told)
    if options := storage_class.get("mountOptions"):
        name, shown = storage_class["metadata"]["name"], " ".join(options)
        told = f'Mount options are not supported by the provisioner but StorageClass "{name}" has mount options'
        return _failed(claim, f"{told} [{shown}]", _asked(claim, HOST_PATH))
    told = f'Failed to create provisioner: provisioning in volume plugin "{HOST_PATH}" is disabled'
    return _failed(claim, told, _asked(claim, HOST_PATH))


def _unknown(provisioner: str) -> str:
    if provisioner == NFS:
        return "no provisionable volume plugin matched"
    return f"no volume plugin matched name: {provisioner}"


def _failed(claim: Object, message: str, write: Write | None = None) -> Step:
    return Step(write, (tell(claim, WARNING, "ProvisioningFailed", message),))
