"""Gives every namespace its ServiceAccount `default`. Rule: docs, Configure Service Accounts for Pods."""

from sampan.controllers.in_each_namespace import InEachNamespace
from sampan.kinds.core.service_account import KIND
from sampan.machinery.meta import Object


class ServiceAccountController(InEachNamespace):
    """Makes the account, and makes it again when it is deleted."""

    name = "serviceaccount-controller"
    account = "service-account-controller"
    kind = KIND
    object_name = "default"

    def wanted(self, namespace: str, old: Object | None) -> Object | None:
        if old is not None:
            return None
        meta = {"name": self.object_name, "namespace": namespace}
        return {"apiVersion": KIND.api_version, "kind": KIND.name, "metadata": meta}


CONTROLLER = ServiceAccountController
