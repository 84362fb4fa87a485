"""Publishes the CA of the API server in every namespace, as the ConfigMap kube-root-ca.crt.

Pods get it by their projected token volume. Rule: docs, Managing Service Accounts, "Bound service account tokens";
upstream's pkg/controller/certificates/rootcacertpublisher.
"""

from sampan.controllers.config import ControllerContext
from sampan.controllers.in_each_namespace import InEachNamespace
from sampan.kinds.core.config_map import KIND
from sampan.machinery.meta import Object, annotations_of

DESCRIPTION = "kubernetes.io/description"
_TEXT = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


def wanted(namespace: str, name: str, root_ca: str, old: Object | None) -> Object | None:
    """The ConfigMap to write; None where there is nothing to publish or the `old` one is right."""
    data = {"ca.crt": root_ca}
    notes = annotations_of(old) if old else {}
    if not root_ca or (old and old.get("data") == data and not old.get("binaryData") and DESCRIPTION in notes):
        return None
    meta = old["metadata"] if old else {"name": name, "namespace": namespace}
    meta = {**meta, "annotations": {**notes, DESCRIPTION: _TEXT}}
    return {"apiVersion": KIND.api_version, "kind": KIND.name, "metadata": meta, "data": data}


class RootCAController(InEachNamespace):
    """Makes the ConfigMap, and puts it right when it is changed or deleted."""

    name = "root-ca-certificate-publisher-controller"
    account = "root-ca-cert-publisher"
    kind = KIND
    object_name = "kube-root-ca.crt"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.root_ca = context.config.root_ca

    def wanted(self, namespace: str, old: Object | None) -> Object | None:
        return wanted(namespace, self.object_name, self.root_ca, old)


CONTROLLER = RootCAController
