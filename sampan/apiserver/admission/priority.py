"""Priority: a pod's priority class becomes its number; at most one class is the global default.

Rules and messages: k8s.io/kubernetes/plugin/pkg/admission/priority.
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.kinds.scheduling.priority_class import KIND as PRIORITY_CLASS
from sampan.machinery.meta import Object

_LOWER = "PreemptLowerPriority"


def mutate_pod(services: Services, admission: Admission) -> None:
    """Fill in priority, class name and preemption policy; raises Forbidden for an unknown class or a wrong number."""
    spec = admission.new["spec"]
    if admission.old is not None:
        _keep(spec, admission.old["spec"])
        return
    name = spec.get("priorityClassName") or ""
    chosen = services.find(PRIORITY_CLASS, "", name) if name else _global_default(services)
    if name and chosen is None:
        raise forbidden(admission, f"no PriorityClass with name {name} was found")
    value = int(chosen.get("value", 0)) if chosen else 0
    policy = (chosen.get("preemptionPolicy") if chosen else None) or _LOWER
    if spec.get("priority", value) != value:
        raise forbidden(
            admission,
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name",
        )
    if spec.get("preemptionPolicy", policy) != policy:
        raise forbidden(
            admission,
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name",
        )
    if chosen and not name:
        spec["priorityClassName"] = chosen["metadata"]["name"]
    spec["priority"], spec["preemptionPolicy"] = value, policy


def _keep(spec: Object, old: Object) -> None:
    """What was settled at creation stays, where a client leaves it out; validation refuses another value."""
    for field in ("priority", "preemptionPolicy"):
        if spec.get(field) is None and old.get(field) is not None:
            spec[field] = old[field]


def _global_default(services: Services) -> Object | None:
    """The class for pods that name none; of several the one with the lowest value."""
    defaults = [found for found in services.all(PRIORITY_CLASS) if found.get("globalDefault")]
    return min(defaults, key=lambda found: int(found.get("value", 0)), default=None)


def validate_class(services: Services, admission: Admission) -> None:
    """Raises Forbidden for a second global default."""
    new = admission.new
    if not new.get("globalDefault"):
        return
    for other in services.all(PRIORITY_CLASS):
        name = other["metadata"]["name"]
        if other.get("globalDefault") and name != new["metadata"].get("name"):
            raise forbidden(admission, f"PriorityClass {name} is already marked as default. Only one default can exist")
