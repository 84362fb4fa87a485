"""Which objects each node has to do with: those that its pods name, one by one, kept from the events of the store.

    node <- pod <- service account, secret, config map, claim, resource claim
    node <- pod <- claim <- volume <- secret
    node <- volume attachment, resource slice, pod certificate request

A question costs a few look-ups, however many pods there are. Nothing here decides; authorizer.py asks. Upstream's:
k8s.io/kubernetes/plugin/pkg/auth/authorizer/node (Graph).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sampan.apiserver.authorization.node.volume_secrets import secrets_of_volume
from sampan.kinds.core.pod_references import MIRROR_POD, references, resource_claims
from sampan.machinery.meta import Key, Object, annotations_of

PODS, VOLUMES = "pods", "persistentvolumes"
_CLAIMS, _SECRETS = "persistentvolumeclaims", "secrets"


class Place(NamedTuple):
    """An object: a resource, whose names are distinct without groups, and where it is."""

    resource: str
    namespace: str
    name: str


class _Pod(NamedTuple):
    """What of a pod makes its edges, so that a change of its status changes nothing here."""

    node: str
    uid: str
    debugging: int  # how many ephemeral containers it has
    claims: tuple[str, ...]
    places: frozenset[Place]


class _Volume(NamedTuple):
    claim: Place
    secrets: tuple[Place, ...]


class Graph:
    """See the module."""

    def __init__(self) -> None:
        self._pods: dict[Key, _Pod] = {}
        self._nodes: dict[Place, dict[str, int]] = {}  # object -> the nodes that reach it, by how many of their pods
        self._volumes: dict[str, _Volume] = {}
        self._volumes_of: dict[Place, set[str]] = {}  # Secret -> the volumes that name it
        self._owners: dict[Place, str] = {}  # objects that name their node themselves

    def reaches(self, node: str, place: Place) -> bool:
        """Whether the node has to do with the object."""
        if place.resource == PODS:
            pod = self._pods.get(Key(place.namespace, place.name))
            return pod is not None and pod.node == node
        if place.resource == VOLUMES:
            volume = self._volumes.get(place.name)
            return volume is not None and self._by_pods(node, volume.claim)
        if self._by_pods(node, place) or self._owners.get(place) == node:
            return True
        return any(self._by_pods(node, self._volumes[name].claim) for name in self._volumes_of.get(place, ()))

    def _by_pods(self, node: str, place: Place) -> bool:
        return node in self._nodes.get(place, ())

    def put_pod(self, key: Key, pod: Object | None) -> None:
        """A pod as it is now; None where it is gone."""
        before = self._pods.get(key)
        node = (pod["spec"].get("nodeName") or "") if pod else ""
        if pod is None or not node:
            self._forget_pod(key, before)
            return
        uid, debugging = pod["metadata"].get("uid") or "", len(pod["spec"].get("ephemeralContainers") or ())
        claims = tuple(resource_claims(pod))
        if before is not None and before[:4] == (node, uid, debugging, claims):
            return
        self._forget_pod(key, before)
        now = self._pods[key] = _Pod(node, uid, debugging, claims, frozenset(_places(key.namespace, pod)))
        for place in now.places:
            nodes = self._nodes.setdefault(place, {})
            nodes[node] = nodes.get(node, 0) + 1

    def _forget_pod(self, key: Key, pod: _Pod | None) -> None:
        if pod is None:
            return
        del self._pods[key]
        for place in pod.places:
            nodes = self._nodes[place]
            nodes[pod.node] -= 1
            if not nodes[pod.node]:
                del nodes[pod.node]
            if not nodes:
                del self._nodes[place]

    def put_volume(self, name: str, volume: Object | None) -> None:
        """A PersistentVolume as it is now; one that is not bound leads nowhere."""
        if (before := self._volumes.pop(name, None)) is not None:
            for secret in before.secrets:
                self._volumes_of[secret].discard(name)
                if not self._volumes_of[secret]:
                    del self._volumes_of[secret]
        claim = (volume["spec"].get("claimRef") or {}) if volume else {}
        if volume is None or not claim:
            return
        secrets = tuple({Place(_SECRETS, *found) for found in secrets_of_volume(volume)})
        claimed = Place(_CLAIMS, claim.get("namespace") or "", claim.get("name") or "")
        self._volumes[name] = _Volume(claimed, secrets)
        for secret in secrets:
            self._volumes_of.setdefault(secret, set()).add(name)

    def put_owned(self, place: Place, obj: Object | None) -> None:
        """An object whose spec names its node: a VolumeAttachment, a ResourceSlice, a PodCertificateRequest."""
        node = ((obj.get("spec") or {}).get("nodeName") or "") if obj else ""
        if node:
            self._owners[place] = node
        else:
            self._owners.pop(place, None)


def _places(namespace: str, pod: dict[str, Any]) -> Iterator[Place]:
    """What a pod gives its node access to. A node makes mirror pods itself, so those give it nothing."""
    if MIRROR_POD not in annotations_of(pod):
        yield from (Place(resource, namespace, name) for resource, name in references(pod))
