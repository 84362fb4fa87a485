"""The ReplicaSet controller: replicas.py with a LabelSelector."""

from sampan.controllers.replicas import ReplicaController
from sampan.kinds.apps.replica_set import KIND
from sampan.machinery.meta import Object
from sampan.machinery.selectors import Selector, from_label_selector


class ReplicaSetController(ReplicaController):
    """Keeps the pods of ReplicaSets alive."""

    name = "replicaset-controller"
    kind = KIND
    reports_terminating = True

    def selector(self, owner: Object) -> Selector:
        return from_label_selector(owner["spec"].get("selector"))


CONTROLLER = ReplicaSetController
