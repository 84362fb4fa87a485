"""The binder of volumes: which claim gets which PersistentVolume, and what becomes of it when the claim is gone.

    marks.py         the annotations and finalizers by which all parts of a cluster know what was done (pure)
    step.py          what a plan asks for: one write, what is told, whether to look again (pure)
    matching.py      which volume fits a claim (pure)
    free_volumes.py  free volumes, filed by what a claim asks for
    binding.py       the four writes of a binding, in their order, and the way back (pure)
    provisioning.py  what is said to those who make volumes (pure)
    migration.py     what the names of storage that once was in the tree have become (pure)
    claim.py         what is next for a claim (pure)
    volume.py        what is next for a volume (pure)
    hands.py         does what a step asks for
    deleters.py      who deletes the storage of a volume (pure)
    latest.py        what the informers show, or newer: what we wrote ourselves
    operations.py    what takes its time: one operation per volume
    deleting.py      deletes a volume, and the directory of a hostPath volume
    recycling.py     empties a volume with a pod (recycler_pod.py, pure)
    controller.py    reads, asks these, and writes

A plan never asks for more than one write, and after it all is looked at anew. So a server that is killed between any
two writes goes on where it was: what has been written says how far the binding has come. The volume is written first:
the compare-and-swap on it decides which of two claims gets it.

Rules: docs, Persistent Volumes; upstream's pkg/controller/volume/persistentvolume and component-helpers/storage/volume.
"""

from sampan.controllers.persistent_volume.controller import VolumeBinder

CONTROLLER = VolumeBinder
