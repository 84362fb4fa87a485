"""The ServiceAccounts in kube-system that the controllers act as, as objects.

Upstream's kube-controller-manager makes each when its controller first needs it; here cluster/ has the API server keep
them among the objects that the cluster needs.
"""

from collections.abc import Iterable

from sampan.controllers.registry import all_controllers
from sampan.machinery.meta import Object
from sampan.reconcile.controller import MANAGER, Controller


def account_of(controller: type[Controller]) -> str:
    """The name of a controller's account; MANAGER for one that acts as what runs it."""
    return controller.account or controller.name


def accounts(controllers: Iterable[type[Controller]] | None = None) -> list[Object]:
    """Those of all controllers, or of some."""
    names = {account_of(controller) for controller in (controllers or all_controllers())} - {MANAGER}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "kube-system"}}
        for name in sorted(names)
    ]
