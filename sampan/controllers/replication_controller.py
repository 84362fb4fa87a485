"""The ReplicationController controller: replicas.py with a plain map as selector."""

from sampan.controllers.replicas import ReplicaController
from sampan.kinds.core.replication_controller import KIND
from sampan.machinery.meta import Object
from sampan.machinery.selectors import Selector, from_labels


class ReplicationControllerController(ReplicaController):
    """Keeps the pods of ReplicationControllers alive."""

    name = "replicationcontroller-controller"
    component = "replication-controller"
    account = "replication-controller"
    kind = KIND

    def selector(self, owner: Object) -> Selector:
        return from_labels(owner["spec"].get("selector"))


CONTROLLER = ReplicationControllerController
