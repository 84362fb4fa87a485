"""Which objects of its namespace a pod names: what its node must be able to read, and what a mirror pod may not name.

Rules: k8s.io/kubernetes/pkg/api/pod (VisitPodSecretNames and its kin). Called by authorization and admission.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MIRROR_POD = "kubernetes.io/config.mirror"  # the annotation of a pod that its node got from elsewhere
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


class Reference(NamedTuple):
    """An object of the core group, by its plural."""

    plural: str
    name: str


def references(pod: Mapping[str, Any]) -> Iterator[Reference]:
    """All of them, perhaps more than once."""
    spec = pod["spec"]
    if account := spec.get("serviceAccountName"):
        yield Reference("serviceaccounts", account)
    for secret in spec.get("imagePullSecrets") or ():
        yield Reference("secrets", secret.get("name") or "")
    for field in _CONTAINERS:
        for container in spec.get(field) or ():
            yield from _of_environment(container)
    for volume in spec.get("volumes") or ():
        yield from _of_volume(pod, volume)


def _of_environment(container: Mapping[str, Any]) -> Iterator[Reference]:
    for source in container.get("envFrom") or ():
        yield from _named(source, "secretRef", "configMapRef")
    for variable in container.get("env") or ():
        yield from _named(variable.get("valueFrom") or {}, "secretKeyRef", "configMapKeyRef")


def _named(source: Mapping[str, Any], secret: str, config_map: str) -> Iterator[Reference]:
    for field, plural in ((secret, "secrets"), (config_map, "configmaps")):
        if ref := source.get(field):
            yield Reference(plural, ref.get("name") or "")


def _of_volume(pod: Mapping[str, Any], volume: Mapping[str, Any]) -> Iterator[Reference]:
    if secret := volume.get("secret"):
        yield Reference("secrets", secret.get("secretName") or "")
    if config_map := volume.get("configMap"):
        yield Reference("configmaps", config_map.get("name") or "")
    if claim := volume.get("persistentVolumeClaim"):
        yield Reference("persistentvolumeclaims", claim.get("claimName") or "")
    if "ephemeral" in volume:
        yield Reference("persistentvolumeclaims", f"{pod['metadata'].get('name')}-{volume.get('name')}")
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield from _named(source, "secret", "configMap")
    for driver in volume.values():  # of network storage, with the Secret that logs in to it
        if isinstance(driver, dict):
            yield from _named(driver, "secretRef", "")
            yield from _named(driver, "nodePublishSecretRef", "")
