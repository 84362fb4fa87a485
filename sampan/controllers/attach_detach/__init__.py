"""The controller that has volumes of CSI drivers attached to the nodes that need them, and detached from the others.

    wanted.py      which volumes the pods of a node need attached (pure)
    attachments.py what a VolumeAttachment of ours is called, and how far it is (pure)
    plan.py        what is attached, detached and reported for a node now (pure)
    messages.py    what is said to pods (pure)
    memory.py      what is remembered of a node between two looks
    controller.py  reads, asks these, and writes

A driver's attacher does the work: it follows VolumeAttachments. A volume may be mounted once the node's status names it
as attached, and it is detached only once the kubelet no longer names it as in use: so it leaves the status first, then
the kubelet's word is read again, and only then is its VolumeAttachment deleted.

Not here: volumes that are not CSI's. Rules: docs, CSI; upstream's pkg/controller/volume/attachdetach and
pkg/volume/csi/csi_attacher.go.
"""

from sampan.controllers.attach_detach.controller import AttachDetachController

CONTROLLER = AttachDetachController
