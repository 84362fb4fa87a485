"""The evaluator of a kind; those without one of their own are counted."""

from sampan.kinds.quota.claims import CLAIMS
from sampan.kinds.quota.devices import DEVICES
from sampan.kinds.quota.evaluator import Evaluator, count_name, object_count
from sampan.kinds.quota.pods import PODS
from sampan.kinds.quota.services import SERVICES

_OWN = {"pods": PODS, "services": SERVICES, "persistentvolumeclaims": CLAIMS}
_SHORT = frozenset({"configmaps", "resourcequotas", "replicationcontrollers", "secrets"})  # counted before count/...
_EVENTS = frozenset({("", "events"), ("events.k8s.io", "events")})


def evaluator_of(group: str, plural: str) -> Evaluator | None:
    """None where the objects are not to be measured. What is never stored is never asked about."""
    if (group, plural) in _EVENTS:
        return None
    if (group, plural) == ("resource.k8s.io", "resourceclaims"):
        return DEVICES
    if not group and plural in _OWN:
        return _OWN[plural]
    if not group and plural in _SHORT:
        return object_count(count_name(group, plural), plural)
    return object_count(count_name(group, plural))
