"""RuntimeClass: a pod names one that exists, carries its overhead, and goes only where it runs.

Rules and messages: docs, "Runtime Class"; KEP-585, KEP-688; k8s.io/kubernetes/plugin/pkg/admission/runtimeclass.
"""

from collections.abc import Mapping

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.admission.tolerations import merged
from sampan.apiserver.services import Services
from sampan.kinds.core.pod_resources import resources
from sampan.kinds.node.runtime_class import KIND as RUNTIME_CLASS
from sampan.machinery.meta import Object

_OTHER_OVERHEAD = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
_NO_OVERHEAD = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"


def mutate(services: Services, admission: Admission) -> None:
    """Give the pod the overhead, node selector and tolerations of its class; raises Forbidden where they differ."""
    found, spec = _class(services, admission), admission.new["spec"]
    if found is None:
        return
    if found.get("overhead") is not None:
        overhead = found["overhead"].get("podFixed") or {}
        if spec.get("overhead") and not _is_same(overhead, spec["overhead"]):
            raise forbidden(admission, _OTHER_OVERHEAD)
        spec["overhead"] = dict(overhead)
    if scheduling := found.get("scheduling"):
        _schedule(admission, spec, scheduling)


def validate(services: Services, admission: Admission) -> None:
    """Raises Forbidden where the overhead is not that of the class."""
    found, own = _class(services, admission), admission.new["spec"].get("overhead")
    if found is not None and found.get("overhead") is not None:
        if not _is_same(found["overhead"].get("podFixed") or {}, own or {}):
            raise forbidden(admission, _OTHER_OVERHEAD)
    elif own is not None:
        raise forbidden(admission, _NO_OVERHEAD)


def _class(services: Services, admission: Admission) -> Object | None:
    """The pod's class, if it names one; raises Forbidden where that does not exist."""
    name = admission.new["spec"].get("runtimeClassName")
    if name is None:
        return None
    found = services.find(RUNTIME_CLASS, "", name)
    if found is None:
        raise forbidden(admission, f'pod rejected: RuntimeClass "{name}" not found')
    return found


def _schedule(admission: Admission, spec: Object, scheduling: Object) -> None:
    selector: dict[str, str] = dict(spec.get("nodeSelector") or {})
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if selector.get(key, value) != value:
            theirs = f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}"
            raise forbidden(admission, f"{theirs}; pod.spec.nodeSelector[{key}] = {selector[key]}")
        selector[key] = value
    if selector:
        spec["nodeSelector"] = selector
    if tolerations := merged(spec.get("tolerations") or [], scheduling.get("tolerations") or []):
        spec["tolerations"] = tolerations


def _is_same(amounts: Mapping[str, str], others: Mapping[str, str]) -> bool:
    left, right = resources(amounts), resources(others)
    return {name: amount.nano for name, amount in left.items()} == {n: amount.nano for n, amount in right.items()}
