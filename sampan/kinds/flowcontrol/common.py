"""What FlowSchema and PriorityLevelConfiguration share: group, versions, conditions.

The API server goes by them (apiserver/fairness/). Upstream: k8s.io/kubernetes/pkg/apis/flowcontrol.
"""

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, duplicate, required

GROUP = "flowcontrol.apiserver.k8s.io"
V1 = "io.k8s.api.flowcontrol.v1."
# version -> the releases in which it was deprecated and removed
OLD = {
    "v1beta3": ("1.29", "1.32"),
    "v1beta2": ("1.26", "1.29"),
    "v1beta1": ("1.23", "1.26"),
    "v1alpha1": ("1.20", "1.21"),
}


def validate_status(new: Object, old: Object) -> Errors:
    """Conditions, each of a type of its own."""
    seen: set[str] = set()
    for index, condition in enumerate(get_path(new, ("status", "conditions"), [])):
        type_, path = condition.get("type") or "", Path("status.conditions").index(index).child("type")
        if type_ in seen:
            yield duplicate(path, type_)
        seen.add(type_)
        if not type_:
            yield required(path)
