"""PodTopologyLabels: a pod carries the zone and region of its node, which a container can read (KEP-4742)."""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.services import Services
from sampan.kinds.core.node import KIND as NODE
from sampan.machinery.meta import Object, labels_of

_LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


def mutate_pod(services: Services, admission: Admission) -> None:
    """For a pod that names its node."""
    _label(services, admission.new, admission.new["spec"].get("nodeName"))


def mutate_binding(services: Services, admission: Admission) -> None:
    """For a Binding, whose labels its pod gets; what is wrong with its shape is said later."""
    target = admission.new.get("target")
    if isinstance(target, dict) and target.get("kind") == "Node" and isinstance(admission.new.get("metadata"), dict):
        _label(services, admission.new, target.get("name"))


def _label(services: Services, obj: Object, name: object) -> None:
    node = services.find(NODE, "", name) if name and isinstance(name, str) else None
    found = {label: value for label, value in labels_of(node).items() if label in _LABELS} if node else {}
    if found:
        obj["metadata"]["labels"] = {**(obj["metadata"].get("labels") or {}), **found}
