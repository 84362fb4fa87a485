"""Defaults of everything inside a pod spec, shared by Pod and every kind with a pod template.

Only what templates get too; what a Pod alone gets (requests from limits, enableServiceLinks, host ports) is in
pod_defaults.py. Every kind with a pod spec gives POD_SPEC_DEFAULTS and POD_SPEC_FUNCTIONS among its defaults.
"""

from typing import Any

from sampan.kinds.core.volume_claim_defaults import CLAIM_DEFAULTS
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.meta import Object

CORE = "io.k8s.api.core.v1."
FILE_MODE = 0o644


def pull_policy(image: str) -> str:
    """Always for the tag `latest`, which is also meant by neither tag nor digest; else IfNotPresent."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if tag == "latest" or (name and not tag and not digest) else "IfNotPresent"


def _empty_dir(volume: dict[str, Any]) -> dict[str, Any] | None:
    """A volume that names no source is an emptyDir."""
    return {} if not any(value is not None for field, value in volume.items() if field != "name") else None


def sync_service_account(spec: Object) -> None:
    """serviceAccount is the old name of serviceAccountName; readers of either find it."""
    if name := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"] = name


_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def _default_probe(probe: Object) -> None:
    """Zero stands for the default, too."""
    for field, value in _PROBE.items():
        if not probe.get(field):
            probe[field] = value


_CONTAINER = {
    "imagePullPolicy": lambda container: pull_policy(container.get("image") or ""),
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "resources": {},
}

POD_SPEC_DEFAULTS: FieldDefaults = {
    CORE + "PodSpec": {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    },
    CORE + "Container": _CONTAINER,
    CORE + "EphemeralContainer": _CONTAINER,
    CORE + "ContainerPort": {"protocol": "TCP"},
    CORE + "ObjectFieldSelector": {"apiVersion": "v1"},
    CORE + "ResourceFieldSelector": {"divisor": "0"},
    CORE + "HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    CORE + "GRPCAction": {"service": ""},
    CORE + "Volume": {"emptyDir": _empty_dir},
    CORE + "SecretVolumeSource": {"defaultMode": FILE_MODE},
    CORE + "ConfigMapVolumeSource": {"defaultMode": FILE_MODE},
    CORE + "DownwardAPIVolumeSource": {"defaultMode": FILE_MODE},
    CORE + "ProjectedVolumeSource": {"defaultMode": FILE_MODE},
    CORE + "ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    CORE + "HostPathVolumeSource": {"type": ""},
    CORE + "ImageVolumeSource": {"pullPolicy": lambda image: pull_policy(image.get("reference") or "")},
    CORE + "ISCSIVolumeSource": {"iscsiInterface": "default"},
    CORE + "RBDVolumeSource": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    CORE + "AzureDiskVolumeSource": {
        "cachingMode": "ReadWrite",
        "kind": "Shared",
        "fsType": "ext4",
        "readOnly": False,
    },
    CORE + "ScaleIOVolumeSource": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
    **CLAIM_DEFAULTS,  # of ephemeral volumes
}
POD_SPEC_FUNCTIONS = {CORE + "PodSpec": sync_service_account, CORE + "Probe": _default_probe}
