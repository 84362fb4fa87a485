"""Role escalation: nobody grants what they do not have, unless they may `escalate` a role or `bind` to it.

Upstream has this check in the RBAC registries (policybased); here it is a plugin like the others. Rules and messages:
k8s.io/kubernetes/pkg/registry/rbac and documentation, "Privilege escalation prevention and bootstrapping".
"""

from collections.abc import Sequence

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.authentication.user import GROUP_MASTERS
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.authorization.authorizer import Known
from sampan.apiserver.authorization.rbac import GROUP
from sampan.apiserver.authorization.rules import Rule, compacted, describe, rules_of, uncovered
from sampan.apiserver.services import Services
from sampan.machinery.meta import Object
from sampan.machinery.tree import semantic_equal

_EVERYTHING = (Rule(("*",), ("*",), ("*",)), Rule(("*",), urls=("*",)))
# What the garbage collector may change without holding the rules, and what the server changes beside.
_OF_THE_COLLECTOR = ("ownerReferences", "finalizers", "managedFields", "resourceVersion", "generation")
_GRANTS = ("rules", "aggregationRule", "roleRef", "subjects")


async def validate(services: Services, admission: Admission) -> None:
    """Raises Forbidden where the write would grant more than the caller has, NotFound for a role that is not there."""
    if GROUP_MASTERS in admission.user.groups or _is_collection(admission.old, admission.new):
        return
    if await services.authorizers.allows(_exemption(admission)):
        return
    known = services.rbac.known_rules(admission.user, _namespace(admission))
    if admission.kind.plural.endswith("roles"):
        _check_held(admission, rules_of(admission.new), known)
        if any(map(_aggregates, (admission.new, admission.old))) and uncovered(_EVERYTHING, known.rules):
            raise forbidden(admission, "must have cluster-admin privileges to use the aggregationRule")
    else:
        ref = admission.new["roleRef"]
        _check_held(admission, services.rbac.role_rules(ref["kind"], _namespace(admission), ref["name"]), known)


def _namespace(admission: Admission) -> str:
    return admission.call.info.namespace if admission.kind.namespaced else ""


def _exemption(admission: Admission) -> Attributes:
    """Who may do this needs not hold the rules: `escalate` a role, by its path, or `bind` to one, by its name."""
    verb, plural, name = "escalate", admission.kind.plural, admission.call.info.name
    if ref := admission.new.get("roleRef"):
        verb, name = "bind", ref["name"]
        plural = "clusterroles" if ref["kind"] == "ClusterRole" else "roles"
    return Attributes(admission.user, verb, True, _namespace(admission), GROUP, "*", plural, "", name)


def _is_collection(old: Object | None, new: Object) -> bool:
    """Whether an update changes only what the garbage collector needs to change."""
    return old is not None and semantic_equal(_beside(old), _beside(new))


def _beside(obj: Object) -> Object:
    meta = {field: value for field, value in obj["metadata"].items() if field not in _OF_THE_COLLECTOR}
    return {"metadata": meta, **{field: obj.get(field) for field in _GRANTS}}


def _aggregates(role: Object | None) -> bool:
    return bool(((role or {}).get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _check_held(admission: Admission, wanted: Sequence[Rule], known: Known) -> None:
    missing = uncovered(wanted, known.rules)
    if not missing:
        return
    user = admission.user
    groups = " ".join(f'"{group}"' for group in user.groups)
    shown = "\n".join(sorted({describe(rule) for rule in compacted(missing)}))
    why = f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{shown}'
    raise forbidden(admission, f"{why}; resolution errors: [{known.error}]" if known.error else why)
