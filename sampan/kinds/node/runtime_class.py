"""RuntimeClass: which handler of the container runtime runs a pod, what that costs, and on which nodes it can.

v1beta1 is identical. Rules and texts: k8s.io/kubernetes/pkg/apis/node/validation.
"""

from sampan.kinds.checks import Errors, each
from sampan.kinds.columns import AGE, NAME, text
from sampan.kinds.core.resource_validation import validate_resources
from sampan.kinds.core.scheduling_validation import validate_toleration
from sampan.kinds.node import v1alpha1
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Format, Immutable, Required
from sampan.machinery.validation import Path, dns_label, duplicate, validate_labels

_DEFINITION = "io.k8s.api.node.v1.RuntimeClass"
_SCHEDULING = Path("scheduling")


def _validate(runtime_class: Object) -> Errors:
    if (overhead := runtime_class.get("overhead")) is not None:
        yield from validate_resources({"limits": overhead.get("podFixed")}, Path("overhead"))
    if (scheduling := runtime_class.get("scheduling")) is not None:
        yield from validate_labels(scheduling.get("nodeSelector"), _SCHEDULING.child("nodeSelector"))
        yield from _tolerations(scheduling.get("tolerations") or [], _SCHEDULING.child("tolerations"))


def _tolerations(tolerations: list[Object], path: Path) -> Errors:
    """Merged into those of a pod, so that the same taint is tolerated once."""
    yield from each(path, tolerations, validate_toleration)
    seen = set()
    for index, toleration in enumerate(tolerations):
        same = tuple(toleration.get(field) or "" for field in ("key", "operator", "value", "effect"))
        if same in seen:
            yield duplicate(path.index(index), toleration)
        seen.add(same)


KIND = Kind(
    name="RuntimeClass",
    plural="runtimeclasses",
    versions=(
        *versions("node.k8s.io", _DEFINITION, v1beta1=("1.22", "1.25")),
        ServedVersion(
            "node.k8s.io",
            "v1alpha1",
            v1alpha1.DEFINITION,
            convert=v1alpha1.CONVERSION,
            deprecated="1.20",
            removed="1.24",
            replacement="node.k8s.io/v1 RuntimeClass",
        ),
    ),
    namespaced=False,
    columns=(NAME, Column("Handler", text("handler"), description="What the container runtime calls it."), AGE),
    validate=_validate,
    rules={_DEFINITION: {"handler": (Required(), Format(dns_label), Immutable())}},
    definitions=v1alpha1.define,
    has_status=False,
    has_generation=False,
)
