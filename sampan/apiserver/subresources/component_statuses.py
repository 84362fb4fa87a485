"""componentstatuses: what the parts of the control plane say of themselves at the moment.

The names are upstream's (k8s.io/kubernetes/pkg/registry/core/componentstatus): scheduler, controller-manager, etcd-0.
Who runs the first two beside the server tells it how they are (`Services.components`); the store is the server's own.
"""

from sampan.apiserver.call import Call, Computed, Tree
from sampan.apiserver.options import list_options
from sampan.apiserver.services import Services
from sampan.machinery import field_selectors, selectors
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Object

_ABSENT = "does not run beside this API server"


def get(services: Services, call: Call) -> Tree:
    """One component; raises NotFound."""
    found = {status["metadata"]["name"]: status for status in _statuses(services)}
    if (status := found.get(call.info.name)) is None:
        raise NotFound.of("componentstatus", "", call.info.name)
    return Tree(status, stored=True)


def list_all(services: Services, call: Call) -> Computed:
    """Every component that the selectors match; none has labels."""
    options = list_options(call.query)
    labels = selectors.parse(options.label_selector)
    matches = field_selectors.parse(options.field_selector).bind(call.served.kind)
    return Computed([status for status in _statuses(services) if labels.matches({}) and matches(status)])


def _statuses(services: Services) -> list[Object]:
    wrong = {name: services.components.get(name, lambda: _ABSENT)() for name in ("controller-manager", "scheduler")}
    return [_status(name, why) for name, why in {**wrong, "etcd-0": ""}.items()]


def _status(name: str, wrong: str) -> Object:
    told = {"status": "False", "error": wrong} if wrong else {"status": "True", "message": "ok"}
    conditions = [{"type": "Healthy", **told}]
    return {"kind": "ComponentStatus", "apiVersion": "v1", "metadata": {"name": name}, "conditions": conditions}
