"""Publishes the CA of the API server as a ClusterTrustBundle of the signer kubernetes.io/kube-apiserver-serving.

Its name has a digest of its content, so that a new CA is a new object, and the old one goes. Rule: KEP-3257; upstream's
pkg/controller/certificates/clustertrustbundlepublisher.
"""

import hashlib
from collections.abc import Iterable
from contextlib import suppress

from sampan.controllers.config import ControllerContext
from sampan.kinds.certificates.cluster_trust_bundle import KIND as BUNDLE
from sampan.kinds.certificates.cluster_trust_bundle import name_prefix, signer_of
from sampan.kinds.certificates.signer_names import API_SERVER_SERVING as SIGNER
from sampan.machinery.errors import AlreadyExists, NotFound
from sampan.machinery.meta import Key, Object
from sampan.machinery.tree import with_changes
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Controller

_KEY = Key("", SIGNER)  # the only one: all bundles of the signer are looked at together


def bundle_name(content: str) -> str:
    """What the bundle of these certificates is called."""
    return name_prefix(SIGNER) + hashlib.sha256(content.encode()).hexdigest()[:24]


class TrustBundlePublisher(Controller):
    """Keeps one bundle, and no other, of the API server's signer. Without a CA it publishes nothing."""

    name = "kube-apiserver-serving-clustertrustbundle-publisher-controller"
    account = "kube-apiserver-serving-clustertrustbundle-publisher"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.root_ca = context.config.root_ca
        self.bundles = self.watch(BUNDLE, self._ours)
        if self.root_ca:
            self.queue.add(_KEY)

    def _ours(self, bundle: Object) -> Iterable[Key]:
        return (_KEY,) if signer_of(bundle) == SIGNER and self.root_ca else ()

    async def reconcile(self, key: Key) -> Action:
        name = bundle_name(self.root_ca)
        await self._keep(name, self.bundles.get(Key("", name)))
        for other in self.bundles.items():
            if signer_of(other) == SIGNER and other["metadata"]["name"] != name:
                with suppress(NotFound):
                    await self.client.delete(BUNDLE, other["metadata"]["name"])
        return WAIT

    async def _keep(self, name: str, old: Object | None) -> None:
        """Make the bundle, or put it right; that it has come or gone meanwhile will be told by the informer."""
        spec = {"signerName": SIGNER, "trustBundle": self.root_ca}
        if old and old["spec"]["trustBundle"] == self.root_ca:
            return
        with suppress(AlreadyExists, NotFound):
            if old:
                await self.client.update(BUNDLE, with_changes(old, {("spec",): spec}))
            else:
                made = {"apiVersion": BUNDLE.api_version, "kind": BUNDLE.name, "metadata": {"name": name}}
                await self.client.create(BUNDLE, {**made, "spec": spec})


CONTROLLER = TrustBundlePublisher
