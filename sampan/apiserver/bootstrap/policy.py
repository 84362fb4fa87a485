"""Default RBAC: roles and bindings read from cluster_roles.txt and controller_roles.txt.

Names, rules and labels are upstream's. system:node is bound to nobody: the Node authorizer knows its rules.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from sampan.apiserver.authorization.rules import Rule
from sampan.machinery.meta import Object

_GROUP = "rbac.authorization.k8s.io"
_API_VERSION = f"{_GROUP}/v1"
_HERE = Path(__file__).parent
_CONTROLLER = "system:controller:"
_READ, _WRITE = "get,list,watch", "create,delete,deletecollection,patch,update"
_VERBS = {"read": _READ, "write": _WRITE, "all": f"{_READ},{_WRITE}"}
_EVENTS = Rule(("create", "patch", "update"), ("", "events.k8s.io"), ("events",))

_GROUPS = {  # role -> the groups it is bound to
    "cluster-admin": ("system:masters",),
    "system:basic-user": ("system:authenticated",),
    "system:cluster-trust-bundle-discovery": ("system:serviceaccounts",),
    "system:discovery": ("system:authenticated",),
    "system:monitoring": ("system:monitoring",),
    "system:public-info-viewer": ("system:authenticated", "system:unauthenticated"),
    "system:service-account-issuer-discovery": ("system:serviceaccounts",),
}
_USERS = {  # role -> the user it is bound to
    "system:kube-controller-manager": "system:kube-controller-manager",
    "system:kube-scheduler": "system:kube-scheduler",
    "system:node-proxier": "system:kube-proxy",
    "system:volume-scheduler": "system:kube-scheduler",
}


class _Section(NamedTuple):
    name: str
    marks: tuple[str, ...]
    rules: list[Rule]


def roles() -> list[Object]:
    """The default ClusterRoles; admin, edit and view are complete from the start, not only once they are aggregated."""
    sections = list(_sections("cluster_roles.txt"))
    plain = [_cluster_role(section, _aggregated(section, sections)) for section in sections]
    controllers = [_controller_role(section) for section in _sections("controller_roles.txt")]
    return plain + controllers


def node_rules() -> list[Rule]:
    """Those of the role system:node, by which the Node authorizer judges what it has no rule of its own for."""
    return next(section.rules for section in _sections("cluster_roles.txt") if section.name == "system:node")


def bindings() -> list[Object]:
    """The default ClusterRoleBindings."""
    found = [_binding(role, [_subject("Group", group) for group in groups]) for role, groups in _GROUPS.items()]
    found += [_binding(role, [_subject("User", user)]) for role, user in _USERS.items()]
    found.append(_binding("system:node", []))
    dns = {"kind": "ServiceAccount", "name": "kube-dns", "namespace": "kube-system"}
    found.append(_binding("system:kube-dns", [dns]))
    for section in _sections("controller_roles.txt"):
        account = {"kind": "ServiceAccount", "name": section.name, "namespace": "kube-system"}
        found.append(_binding(_CONTROLLER + section.name, [account]))
    return found


def _sections(file: str) -> Iterator[_Section]:
    section: _Section | None = None
    for line in (_HERE / file).read_text().splitlines():
        words = line.partition("#")[0].split()
        if words and words[0].startswith("["):
            if section:
                yield section
            section = _Section(words[0].strip("[]"), tuple(words[1:]), [])
        elif words and section:
            section.rules.append(_rule(words))
    if section:
        yield section


def _rule(words: list[str]) -> Rule:
    if words == ["events"]:
        return _EVENTS
    verbs = tuple(sorted(_VERBS.get(words[0], words[0]).split(",")))
    if words[1] == "url":
        return Rule(verbs, urls=tuple(words[2].split(",")))
    groups = tuple("" if group == "core" else group for group in words[1].split(","))
    names = tuple(words[3].split(",")) if len(words) > 3 else ()
    return Rule(verbs, groups, tuple(sorted(words[2].split(","))), names)


def _aggregated(section: _Section, sections: list[_Section]) -> list[Rule]:
    """The rules of a role: its own, or those of the roles that are aggregated to it."""
    wanted = next((mark[1:] for mark in section.marks if mark[0] == "="), None)
    if wanted is None:
        return section.rules
    return [rule for part in sections if f"+{wanted}" in part.marks for rule in _aggregated(part, sections)]


def _cluster_role(section: _Section, rules: list[Rule]) -> Object:
    labels = {f"{_GROUP}/aggregate-to-{mark[1:]}": "true" for mark in section.marks if mark[0] == "+"}
    role = _object("ClusterRole", section.name, labels)
    if made_of := next((mark[1:] for mark in section.marks if mark[0] == "="), None):
        role["aggregationRule"] = {
            "clusterRoleSelectors": [{"matchLabels": {f"{_GROUP}/aggregate-to-{made_of}": "true"}}]
        }
    return role | {"rules": [rule.tree() for rule in rules]}


def _controller_role(section: _Section) -> Object:
    role = _object("ClusterRole", _CONTROLLER + section.name, {})
    return role | {"rules": [rule.tree() for rule in section.rules]}


def _binding(role: str, subjects: list[dict[str, str]]) -> Object:
    ref = {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role}
    binding = _object("ClusterRoleBinding", role, {}) | {"roleRef": ref}
    return binding | {"subjects": subjects} if subjects else binding


def _subject(kind: str, name: str) -> dict[str, str]:
    return {"apiGroup": _GROUP, "kind": kind, "name": name}


def _object(kind: str, name: str, labels: Mapping[str, str]) -> Object:
    return {
        "apiVersion": _API_VERSION,
        "kind": kind,
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults", **labels},
            "annotations": {f"{_GROUP.replace('k8s', 'kubernetes')}/autoupdate": "true"},
        },
    }
