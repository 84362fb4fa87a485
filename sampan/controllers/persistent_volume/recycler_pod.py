"""The pod that empties a volume whose policy is Recycle. Pure; called by recycling.py.

For hostPath and NFS volumes only. Rules: upstream's NewPersistentVolumeRecyclerPodTemplate, and the flags
--pv-recycler-minimum-timeout-... and --pv-recycler-increment-timeout-... of kube-controller-manager by their defaults.
"""

from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Object
from sampan.machinery.quantity import parse
from sampan.machinery.tree import get_path

NAMESPACE = "default"
_IMAGE = "registry.k8s.io/build-image/debian-base:bookworm-v1.0.6"
_SCRUB = 'test -e /scrub && find /scrub -mindepth 1 -delete && test -z "$(ls -A /scrub)" || exit 1'
_SHORTEST = {"hostPath": 60, "nfs": 300}  # seconds
_PER_GIB = 30  # seconds
_LONGEST = 2**31 - 1  # that a pod can be given


def recycler_pod(volume: Object) -> Object | None:
    """The pod for a volume; None where there is none for its kind of storage."""
    for source, shortest in _SHORTEST.items():
        if (found := volume["spec"].get(source)) is not None:
            return _pod(volume, {source: _where(found)}, _seconds(volume, shortest))
    return None


def _where(source: Object) -> Object:
    return {field: source[field] for field in ("server", "path") if field in source}


def _seconds(volume: Object, shortest: int) -> int:
    size = parse(str(get_path(volume, ("spec", "capacity", "storage"), "0"))).value()
    return min(max(size // 2**30 * _PER_GIB, shortest), _LONGEST)


def _pod(volume: Object, source: Object, seconds: int) -> Object:
    container = {
        "name": "pv-recycler",
        "image": _IMAGE,
        "command": ["/bin/sh"],
        "args": ["-c", _SCRUB],
        "volumeMounts": [{"name": "vol", "mountPath": "/scrub"}],
    }
    spec = {
        "activeDeadlineSeconds": seconds,
        "restartPolicy": "Never",
        "volumes": [{"name": "vol", **source}],
        "containers": [container],
    }
    meta = {"name": f"recycler-for-{volume['metadata']['name']}", "namespace": NAMESPACE}
    return {"apiVersion": POD.api_version, "kind": POD.name, "metadata": meta, "spec": spec}
