"""Defaults of PersistentVolumeClaims, by themselves and as templates of StatefulSets."""

from sampan.machinery.defaulting import register_defaults

_CORE = "io.k8s.api.core.v1."

register_defaults(
    {
        _CORE + "PersistentVolumeClaim": {"status": {}},
        _CORE + "PersistentVolumeClaimStatus": {"phase": "Pending"},
        _CORE + "PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    }
)
