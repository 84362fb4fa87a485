"""What RoleBinding and ClusterRoleBinding share: role reference, subjects, columns."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sampan.kinds.checks import Errors
from sampan.kinds.columns import AGE, NAME
from sampan.kinds.rbac.rules import GROUP
from sampan.kinds.rbac.v1alpha1 import SUBJECT, default_version
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.kind import Column
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Format, Immutable, Required
from sampan.machinery.validation import Path, check, dns_subdomain, not_supported, path_segment, required

_V1 = "io.k8s.api.rbac.v1."
_ROLE_REF, _SUBJECTS = Path("roleRef"), Path("subjects")


def _subject_group(subject: Object) -> str | None:
    """Users and groups belong to RBAC's own API group; ServiceAccounts to the core group, whose name is empty."""
    return {"User": GROUP, "Group": GROUP}.get(subject.get("kind") or "")


DEFAULTS: FieldDefaults = {
    _V1 + "RoleRef": {"apiGroup": GROUP},
    _V1 + "Subject": {"apiGroup": _subject_group},
    SUBJECT: {"apiVersion": default_version},
}


def rules(kind: str) -> FieldRules:
    """A binding is bound to its role for life, so that who may edit it cannot grant another role."""
    return {
        f"{_V1}{kind}": {"roleRef": Immutable("cannot change roleRef")},
        _V1 + "RoleRef": {"apiGroup": Enum((GROUP,)), "name": (Required(), Format(path_segment))},
        _V1 + "Subject": {"name": Required()},
    }


def validate_binding(binding: Object, role_kinds: Sequence[str], *, namespaced: bool) -> Errors:
    """The role reference and the subjects; ServiceAccounts of a cluster-wide binding name their namespace."""
    role = binding.get("roleRef") or {}
    if role.get("kind") not in role_kinds:
        yield not_supported(_ROLE_REF.child("kind"), role.get("kind") or "", role_kinds)
    for index, subject in enumerate(binding.get("subjects") or ()):
        yield from _subject(subject, _SUBJECTS.index(index), namespaced)


def _subject(subject: Object, path: Path, namespaced: bool) -> Errors:
    kind, name, group = subject.get("kind") or "", subject.get("name") or "", subject.get("apiGroup") or ""
    if kind == "ServiceAccount":
        if name:
            yield from check(path.child("name"), name, dns_subdomain(name))
        if group:
            yield not_supported(path.child("apiGroup"), group, [""])
        if not namespaced and not subject.get("namespace"):
            yield required(path.child("namespace"))
    elif kind in ("User", "Group"):
        if group != GROUP:
            yield not_supported(path.child("apiGroup"), group, [GROUP])
    else:
        yield not_supported(path.child("kind"), kind, ("ServiceAccount", "User", "Group"))


def _role(binding: Object, now: datetime) -> str:
    return f"{binding['roleRef'].get('kind', '')}/{binding['roleRef'].get('name', '')}"


def _subjects_of(kind: str) -> Callable[[Object, datetime], str]:
    def cell(binding: Object, now: datetime) -> str:
        found = (s for s in binding.get("subjects") or () if s.get("kind") == kind)
        return ", ".join("/".join(filter(None, (s.get("namespace"), s.get("name")))) for s in found)

    return cell


COLUMNS = (
    NAME,
    Column("Role", _role, description="The role that is granted."),
    AGE,
    Column("Users", _subjects_of("User"), priority=1, description="Users to whom it is granted."),
    Column("Groups", _subjects_of("Group"), priority=1, description="Groups to which it is granted."),
    Column(
        "ServiceAccounts",
        _subjects_of("ServiceAccount"),
        priority=1,
        description="ServiceAccounts to which it is granted.",
    ),
)
