"""Role escalation: nobody grants what they do not have, unless they may `escalate` a role or `bind` to it.

Upstream has this check in the RBAC registries (policybased); here it is a plugin like the others. Rules and messages:
k8s.io/kubernetes/pkg/registry/rbac and documentation, "Privilege escalation prevention and bootstrapping".
"""

from collections.abc import Sequence

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.authentication.user import GROUP_MASTERS, User
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.authorization.rbac import GROUP
from sampan.apiserver.authorization.rules import Rule, describe, rules_of, uncovered
from sampan.apiserver.services import Services


def validate(services: Services, admission: Admission) -> None:
    """Raises Forbidden where the write would grant more than the caller has."""
    user = admission.user
    if GROUP_MASTERS in user.groups or _is_unchanged(admission):
        return
    namespace = admission.namespace if admission.kind.namespaced else ""
    verb, plural, name = _permission(admission)
    if _may(services, user, verb, namespace, plural, name):
        return
    if verb == "escalate":
        wanted: Sequence[Rule] = rules_of(admission.new)
        aggregates = any((role or {}).get("aggregationRule") for role in (admission.new, admission.old))
        if aggregates and not services.rbac.authorize(_everything(user)).allowed:
            raise forbidden(admission, "must have cluster-admin privileges to use the aggregationRule")
    else:
        wanted = services.rbac.role_rules(admission.new["roleRef"]["kind"], namespace, name)
    if missing := uncovered(wanted, services.rbac.rules_for(user, namespace)):
        raise forbidden(admission, _explain(user, missing))


def _permission(admission: Admission) -> tuple[str, str, str]:
    """What makes the check needless: a verb on a resource and a name."""
    new, plural = admission.new, admission.kind.plural
    if plural.endswith("roles"):
        return "escalate", plural, new["metadata"].get("name") or ""
    ref = new["roleRef"]
    return "bind", ("clusterroles" if ref["kind"] == "ClusterRole" else "roles"), ref["name"]


def _is_unchanged(admission: Admission) -> bool:
    """Whether an update leaves what is granted, and to whom, as it was."""
    old, new = admission.old, admission.new
    if old is None:
        return False
    fields = ("rules", "aggregationRule", "roleRef", "subjects")
    return all((old.get(field) or None) == (new.get(field) or None) for field in fields)


def _may(services: Services, user: User, verb: str, namespace: str, plural: str, name: str) -> bool:
    question = Attributes(user, verb, True, namespace, GROUP, "v1", plural, "", name)
    return services.rbac.authorize(question).allowed


def _everything(user: User) -> Attributes:
    return Attributes(user, "*", True, "", "*", "*", "*")


def _explain(user: User, missing: Sequence[Rule]) -> str:
    shown = "\n".join(map(describe, missing))
    groups = " ".join(f'"{group}"' for group in user.groups)
    return (
        f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{shown}'
    )
