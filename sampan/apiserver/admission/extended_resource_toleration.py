"""ExtendedResourceToleration: pods that ask for a device tolerate the taint that keeps others from its nodes. By flag.

Rule: docs, Admission Controllers, "ExtendedResourceToleration".
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.tolerations import merged
from sampan.apiserver.services import Services
from sampan.kinds.core.resource_validation import is_extended


def mutate(services: Services, admission: Admission) -> None:
    """Add a toleration for each extended resource that a container requests."""
    spec = admission.new["spec"]
    asked = {
        name
        for field in ("containers", "initContainers")
        for container in spec.get(field) or ()
        for name in (container.get("resources") or {}).get("requests") or ()
        if is_extended(name)
    }
    wanted = [{"key": name, "operator": "Exists", "effect": "NoSchedule"} for name in sorted(asked)]
    if wanted:
        spec["tolerations"] = merged(spec.get("tolerations") or [], wanted)
