"""The bindings of rbac.authorization.k8s.io/v1alpha1, whose subjects had an apiVersion in place of their group.

Upstream: k8s.io/kubernetes/pkg/apis/rbac/v1alpha1 (conversion, defaults).
"""

from collections.abc import Callable
from dataclasses import replace

from sampan.kinds.rbac.rules import GROUP, OLD
from sampan.kinds.versions import versions
from sampan.machinery.kind import Conversion, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Schema

_V1, _OLD = "io.k8s.api.rbac.v1.", "io.k8s.api.rbac.v1alpha1."
SUBJECT = _OLD + "Subject"
_VERSION = f"{GROUP}/v1alpha1"
_KNOWN = {"ServiceAccount": ("", "v1"), "User": (GROUP, _VERSION), "Group": (GROUP, _VERSION)}  # group, apiVersion


def define(known: Schema, name: str) -> None:
    """Add the types of a kind of binding."""
    known.derive(SUBJECT, _V1 + "Subject", {"apiVersion": "string"}, drop=["apiGroup"])
    subjects = known.definition(_V1 + name).fields["subjects"]
    assert subjects.items
    known.derive(_OLD + name, _V1 + name, {"subjects": replace(subjects, items=replace(subjects.items, ref=SUBJECT))})


def default_version(subject: Object) -> str | None:
    """The apiVersion of a subject that says none."""
    return _KNOWN.get(subject.get("kind") or "", ("", None))[1]


def binding_versions(name: str) -> tuple[ServedVersion, ...]:
    """All versions of a kind of binding."""
    *same, oldest = versions(GROUP, _V1 + name, **OLD)
    return (*same, replace(oldest, definition=_OLD + name, convert=Conversion(_each(_to_v1), _each(_from_v1))))


def _each(change: Callable[[Object], Object]) -> Callable[[Object], Object]:
    def convert(binding: Object) -> Object:
        subjects = binding.get("subjects")
        return {**binding, "subjects": list(map(change, subjects))} if subjects else binding

    return convert


def _to_v1(subject: Object) -> Object:
    """Everybody, who was user `*`, became the group of all who are authenticated."""
    kind, version = subject.get("kind") or "", subject.get("apiVersion") or ""
    group = _KNOWN[kind][0] if kind in _KNOWN else version.rpartition("/")[0]
    made = {field: value for field, value in subject.items() if field != "apiVersion"}
    made |= {"apiGroup": group} if group else {}
    if kind == "User" and subject.get("name") == "*":
        made |= {"kind": "Group", "name": "system:authenticated"}
    return made


def _from_v1(subject: Object) -> Object:
    """A kind that is none of the three keeps its group, without a version."""
    kind, group = subject.get("kind") or "", subject.get("apiGroup") or ""
    known, version = _KNOWN.get(kind, (None, ""))
    told = version if group == known else f"{group}/" if group else ""
    made = {field: value for field, value in subject.items() if field != "apiGroup"}
    return {**made, **({"apiVersion": told} if told else {})}
