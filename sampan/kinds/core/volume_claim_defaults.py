"""Defaults of PersistentVolumeClaims, by themselves and as templates of StatefulSets."""

from sampan.machinery.defaulting import FieldDefaults

_CORE = "io.k8s.api.core.v1."

CLAIM_DEFAULTS: FieldDefaults = {
    _CORE + "PersistentVolumeClaim": {"status": {}},
    _CORE + "PersistentVolumeClaimStatus": {"phase": "Pending"},
    _CORE + "PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
}
