"""Binding: assigns a pod to a node; posted by schedulers, acted upon by the API server, never stored."""

from sampan.kinds.checks import Errors
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import not_supported, required


def _validate(binding: Object) -> Errors:
    kind = get_path(binding, ("target", "kind"), "")
    if kind not in ("", "Node"):
        yield not_supported("target.kind", kind, ("Node", "<empty>"))
    if not get_path(binding, ("target", "name")):
        yield required("target.name")


KIND = Kind(
    name="Binding",
    plural="bindings",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Binding"),),
    verbs=("create",),
    validate=_validate,
    has_status=False,
    has_generation=False,
)
