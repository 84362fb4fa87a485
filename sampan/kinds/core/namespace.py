"""Namespace: a scope for names; deleting one deletes what is in it."""

from sampan.kinds.checks import SPEC, Errors, each
from sampan.kinds.columns import AGE, NAME, text
from sampan.machinery.kind import ALL_VERBS, Column, Kind, ServedVersion
from sampan.machinery.meta import FOREGROUND, ORPHAN, Object, is_deleting
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, check, invalid, qualified_name

NAME_LABEL = "kubernetes.io/metadata.name"
FINALIZER = "kubernetes"

_DEFAULTS = {"io.k8s.api.core.v1.NamespaceStatus": {"phase": "Active"}}


def _label_with_name(namespace: Object) -> None:
    """Every namespace carries its name as a label (KEP-2161); a generated name comes later, in prepare."""
    if name := namespace["metadata"].get("name"):
        namespace["metadata"]["labels"] = {**(namespace["metadata"].get("labels") or {}), NAME_LABEL: name}


def _prepare_create(namespace: Object) -> None:
    _label_with_name(namespace)
    finalizers = get_path(namespace, ("spec", "finalizers"), [])
    if FINALIZER not in finalizers:
        finalizers = [*finalizers, FINALIZER]
    namespace["spec"] = {**(namespace.get("spec") or {}), "finalizers": finalizers}
    namespace["status"] = {"phase": "Active"}


def _prepare_update(new: Object, old: Object) -> None:
    """Finalizers of the spec change only by the finalize subresource."""
    _label_with_name(new)
    new["spec"] = old.get("spec") or {}


def _begin_deletion(namespace: Object) -> None:
    namespace["status"] = {**(namespace.get("status") or {}), "phase": "Terminating"}


def _is_finished(namespace: Object) -> bool:
    """Whether its content is gone, of which finalizers of its own tell; the finalize subresource takes them away."""
    return not get_path(namespace, ("spec", "finalizers"))


def _validate(namespace: Object) -> Errors:
    return each(SPEC.child("finalizers"), get_path(namespace, ("spec", "finalizers"), []), _finalizer)


def _finalizer(name: str, path: Path) -> Errors:
    yield from check(path, name, qualified_name(name))
    if "/" not in name and name not in (FINALIZER, ORPHAN, FOREGROUND):
        yield invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")


def _validate_status_update(new: Object, old: Object) -> Errors:
    path, phase = Path("status.phase"), get_path(new, ("status", "phase"), "")
    if not is_deleting(new) and phase != "Active":
        yield invalid(path, phase, "may only be 'Active' if `deletionTimestamp` is empty")
    if is_deleting(new) and phase != "Terminating":
        yield invalid(path, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")


KIND = Kind(
    name="Namespace",
    plural="namespaces",
    verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Namespace", default=_label_with_name),),
    namespaced=False,
    short_names=("ns",),
    columns=(NAME, Column("Status", text("status", "phase"), description="Active or Terminating."), AGE),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    validate_status_update=_validate_status_update,
    name_rule="dns-label",
    selectable_fields={"status.phase": lambda namespace: get_path(namespace, ("status", "phase"), "")},
    has_generation=False,
    prepare_delete=_begin_deletion,
    is_finished=_is_finished,
    returns_deleted=True,
    defaults=_DEFAULTS,
)
