"""The RuntimeClass of node.k8s.io/v1alpha1, which had everything below `spec` and called the handler runtimeHandler."""

from sampan.machinery.kind import Conversion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Schema

_V1, _OLD = "io.k8s.api.node.v1.", "io.k8s.api.node.v1alpha1."
DEFINITION = _OLD + "RuntimeClass"
_NAMES = {"runtimeHandler": "handler", "overhead": "overhead", "scheduling": "scheduling"}  # in v1alpha1: in v1


def define(known: Schema) -> None:
    """Add the types."""
    inner: dict[str, str] = {"runtimeHandler": "string", "overhead": _V1 + "Overhead", "scheduling": _V1 + "Scheduling"}
    known.define(_OLD + "RuntimeClassSpec", inner, ["runtimeHandler"])
    known.derive(DEFINITION, _V1 + "RuntimeClass", {"spec": _OLD + "RuntimeClassSpec"}, drop=_NAMES.values())


def _to_v1(found: Object) -> Object:
    spec = found.pop("spec", None) or {}
    return found | {new: spec[old] for old, new in _NAMES.items() if old in spec}


def _from_v1(found: Object) -> Object:
    spec = {old: found.pop(new) for old, new in _NAMES.items() if new in found}
    return {**found, "spec": spec}


CONVERSION = Conversion(_to_v1, _from_v1)
