"""PodResizeValidator: no pod is resized beyond what its node has, or on a node that can't.

Rules and messages: k8s.io/kubernetes/plugin/pkg/admission/podresize.
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod_resources import effective, resources
from sampan.machinery.errors import Forbidden
from sampan.machinery.meta import Object, labels_of
from sampan.machinery.quantity import Quantity

_OS = "kubernetes.io/os"


def validate(services: Services, admission: Admission) -> None:
    """Raises Forbidden for a resize that can't be."""
    pod, name = admission.new, admission.new["spec"].get("nodeName")
    if not name or (admission.old is not None and admission.old["spec"] == pod["spec"]):
        return
    node = services.find(NODE, "", name)
    if node is None:
        raise forbidden(admission, f'node "{name}" not found')
    system = labels_of(node).get(_OS, "linux")
    if system != "linux":
        why = f'pod resize is only supported on linux nodes, node "{name}" is "{system}"'
        raise _caused(forbidden(admission, why), "UnsupportedPlatform")
    if excess := _excess(pod, node):
        why = f"node didn't have enough allocatable resources: {excess}"
        raise _caused(forbidden(admission, why), "NodeCapacity")


def _excess(pod: Object, node: Object) -> str:
    asked = effective({"spec": pod["spec"]}, "requests")
    has = resources((node.get("status") or {}).get("allocatable"))
    zero, told = Quantity(0), []
    for name, unit in (("cpu", Quantity.milli), ("memory", Quantity.value)):
        wanted, there = asked.get(name, zero), has.get(name, zero)
        if wanted.nano > there.nano:
            told.append(f"{name}, requested: {unit(wanted)}, allocatable: {unit(there)}")
    return "; ".join(told)


def _caused(error: Forbidden, reason: str) -> Forbidden:
    return Forbidden(error.message, details={**error.details, "causes": [{"reason": reason}]})
