"""What clusterTrustBundle projections hold: the authorities of one bundle, or of all of a signer's that labels select.

Read when a volume is made and from time to time, as ConfigMaps are. KEP-3257; texts:
k8s.io/kubernetes/pkg/kubelet/clustertrustbundle.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterable

from sampan.client.api import Client
from sampan.kinds.certificates import pem
from sampan.kinds.certificates.cluster_trust_bundle import KIND as BUNDLE
from sampan.kubelet.volumes.content import Anchors, VolumeError
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Object

_MISSING = "combination of signerName and labelSelector matched zero ClusterTrustBundles"
_SALT = os.urandom(16)


class TrustAnchors:
    """Reads through the client; in the server's process that is the watch cache."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, anchors: Anchors) -> bytes:
        """Certificates in PEM, each once; raises VolumeError, APIError, OSError."""
        bundles = await (self._named(anchors) if anchors.name else self._selected(anchors))
        return await asyncio.to_thread(normalized, [bundle["spec"]["trustBundle"] for bundle in bundles])

    async def _named(self, anchors: Anchors) -> list[Object]:
        try:
            return [await self._client.get(BUNDLE, anchors.name)]
        except NotFound:
            if anchors.optional:
                return []
            why = f'clustertrustbundle.certificates.k8s.io "{anchors.name}" not found'
            raise VolumeError(f"while getting ClusterTrustBundle: {why}") from None

    async def _selected(self, anchors: Anchors) -> list[Object]:
        """No selector selects nothing, an empty one everything."""
        found: list[Object] = []
        if anchors.labels is not None:
            fields = f"spec.signerName={anchors.signer}"
            found = list((await self._client.list(BUNDLE, labels=anchors.labels, fields=fields)).items)
        if not found and not anchors.optional:
            raise VolumeError(_MISSING)
        return found


def normalized(bundles: Iterable[str]) -> bytes:
    """The certificates of some bundles, each once and nothing else, in an order that means nothing.

    Who relied on the order would be wrong one day, so that it is another one in each kubelet's life.
    """
    found = {block.data for bundle in bundles for block in pem.blocks(bundle.encode())}
    order = sorted(found, key=lambda data: hashlib.blake2b(data, key=_SALT).digest())
    return b"".join(pem.encode("CERTIFICATE", data) for data in order)
