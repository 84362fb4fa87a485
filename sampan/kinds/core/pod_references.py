"""Which objects a pod names: what its node must be able to read, and what a mirror pod may not name.

Rules: k8s.io/kubernetes/pkg/api/pod (VisitPodSecretNames and its kin, HasAPIObjectReference) and
k8s.io/dynamic-resource-allocation/resourceclaim (PodClaims). Called by
authorization, admission and controllers.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

MIRROR_POD = "kubernetes.io/config.mirror"  # the annotation of a pod that its node got from elsewhere
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_WITH_SECRET_REF = ("cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos")
# volumes that name no object; a volume of any other sort is one that nobody has thought about
_OWN = frozenset(
    [
        "awsElasticBlockStore",
        "azureDisk",
        "cephfs",
        "cinder",
        "downwardAPI",
        "emptyDir",
        "fc",
        "flexVolume",
        "flocker",
        "gcePersistentDisk",
        "gitRepo",
        "hostPath",
        "image",
        "iscsi",
        "nfs",
        "photonPersistentDisk",
        "portworxVolume",
        "quobyte",
        "rbd",
        "scaleIO",
        "storageos",
        "vsphereVolume",
    ]
)
_OTHERS = {
    "configMap": "configmaps (via configmap volumes)",
    "secret": "secrets (via secret volumes)",
    "csi": "csidrivers (via CSI volumes)",
    "glusterfs": "endpoints (via glusterFS volumes)",
    "persistentVolumeClaim": "persistentvolumeclaims",
    "ephemeral": "persistentvolumeclaims (via ephemeral volumes)",
    "azureFile": "secrets (via azureFile volumes)",
}
_PROJECTED = {
    "configMap": "configmaps (via projected volumes)",
    "secret": "secrets (via projected volumes)",
    "serviceAccountToken": "serviceaccounts (via projected volumes)",
    "clusterTrustBundle": "clustertrustbundles",
    "podCertificate": "podcertificates",
}
_Tree = Mapping[str, Any]


class Reference(NamedTuple):
    """An object of the pod's namespace, by its resource."""

    resource: str
    name: str


def references(pod: _Tree) -> Iterator[Reference]:
    """All of them, perhaps more than once."""
    if account := pod["spec"].get("serviceAccountName"):
        yield Reference("serviceaccounts", account)
    for resource, names in (
        ("secrets", _secrets(pod)),
        ("configmaps", _config_maps(pod)),
        ("persistentvolumeclaims", _claims(pod)),
        ("resourceclaims", resource_claims(pod)),
    ):
        yield from (Reference(resource, name) for name in names if name)


def _secrets(pod: _Tree) -> Iterator[str]:
    for secret in pod["spec"].get("imagePullSecrets") or ():
        yield secret.get("name") or ""
    yield from _of_environment(pod, "secretRef", "secretKeyRef")
    for volume in pod["spec"].get("volumes") or ():
        yield from _of_volume(volume)


def _of_environment(pod: _Tree, whole: str, one_key: str) -> Iterator[str]:
    for container in chain.from_iterable(pod["spec"].get(field) or () for field in _CONTAINERS):
        sources = ((source, whole) for source in container.get("envFrom") or ())
        values = ((variable.get("valueFrom") or {}, one_key) for variable in container.get("env") or ())
        yield from (source[field].get("name") or "" for source, field in chain(sources, values) if source.get(field))


def _of_volume(volume: _Tree) -> Iterator[str]:
    """The Secrets of one volume."""
    yield (volume.get("secret") or {}).get("secretName") or ""
    yield (volume.get("azureFile") or {}).get("secretName") or ""
    yield ((volume.get("csi") or {}).get("nodePublishSecretRef") or {}).get("name") or ""
    for source in _WITH_SECRET_REF:
        if driver := volume.get(source):
            yield (driver.get("secretRef") or {}).get("name") or ""
    yield from _projected(volume, "secret")


def _config_maps(pod: _Tree) -> Iterator[str]:
    yield from _of_environment(pod, "configMapRef", "configMapKeyRef")
    for volume in pod["spec"].get("volumes") or ():
        yield (volume.get("configMap") or {}).get("name") or ""
        yield from _projected(volume, "configMap")


def _projected(volume: _Tree, field: str) -> Iterator[str]:
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield (source.get(field) or {}).get("name") or ""


def _claims(pod: _Tree) -> Iterator[str]:
    return (claim_of(pod, volume) for volume in pod["spec"].get("volumes") or ())


def claim_of(pod: _Tree, volume: _Tree) -> str:
    """The name of the PersistentVolumeClaim behind a volume; "" for all other sorts."""
    if claim := volume.get("persistentVolumeClaim"):
        return claim.get("claimName") or ""
    return f"{pod['metadata'].get('name')}-{volume.get('name')}" if volume.get("ephemeral") is not None else ""


def resource_claims(pod: _Tree) -> Iterator[str]:
    """The ResourceClaims that a pod names, and those that have been made for it."""
    status = pod.get("status") or {}
    made = {one.get("name"): one.get("resourceClaimName") for one in status.get("resourceClaimStatuses") or ()}
    for claim in pod["spec"].get("resourceClaims") or ():
        yield claim.get("resourceClaimName") or made.get(claim.get("name")) or ""
    yield (status.get("extendedResourceClaimStatus") or {}).get("resourceClaimName") or ""


def first_reference(pod: _Tree) -> str:
    """What a pod names of the API, in the words of the refusal of a mirror pod; "" for one that stands alone.

    Raises ValueError for a volume of which nobody knows.
    """
    spec = pod["spec"]
    for words, names in (
        ("serviceaccounts", [spec.get("serviceAccountName")]),
        ("secrets", _secrets(pod)),
        ("configmaps", _config_maps(pod)),
        ("resourceclaims", spec.get("resourceClaims") or ()),
    ):
        if any(names):
            return words
    return next(filter(None, map(_volume_reference, spec.get("volumes") or ())), "")


def _volume_reference(volume: _Tree) -> str:
    kinds = [field for field, value in volume.items() if field != "name" and value is not None]
    if "projected" in kinds:
        return next(filter(None, (_source_reference(volume, source) for source in _sources(volume))), "")
    if kinds and kinds[0] in _OWN:
        return ""
    if not kinds or kinds[0] not in _OTHERS:
        raise ValueError(f'unknown volume type for volume  "{volume.get("name")}"')
    return _OTHERS[kinds[0]]


def _sources(volume: _Tree) -> list[_Tree]:
    return list((volume.get("projected") or {}).get("sources") or ())


def _source_reference(volume: _Tree, source: _Tree) -> str:
    named = next((words for field, words in _PROJECTED.items() if source.get(field) is not None), "")
    if not named and source.get("downwardAPI") is None:
        raise ValueError(f'unknown source for projected volume "{volume.get("name")}"')
    return named
