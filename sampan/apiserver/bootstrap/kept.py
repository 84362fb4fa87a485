"""What the cluster needs and anybody may delete, as data: an object, and how to mend it where it is another by now.

A mend is a pure function of what is found and what is wanted: the object to write, or None to leave what is there.
keeper.py acts on them; start.py and cluster/ say what there is.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sampan.apiserver.authorization.rules import rules_of, uncovered
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.tree import semantic_equal

RBAC_AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate"
FLOW_AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec"
_TRUTHS = {"1": True, "t": True, "T": True, "TRUE": True, "true": True, "True": True} | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)

Mend = Callable[[Object, Object], Object | None]


def leave(found: Object, wanted: Object) -> Object | None:
    """It is there, and what it says may be anybody's."""
    return None


class Kept(NamedTuple):
    """An object, how every pass mends it, and how the first pass of a server does."""

    wanted: Object
    mend: Mend = leave
    at_start: Mend = leave


def fields(*names: str) -> Mend:
    """Some top-level fields are the server's alone."""

    def mend(found: Object, wanted: Object) -> Object | None:
        if all(found.get(name) == wanted.get(name) for name in names):
            return None
        return {**found, **{name: wanted[name] for name in names}}

    return mend


def ports(found: Object, wanted: Object) -> Object | None:
    """Of a Service, the ports; the rest of its spec may be anybody's."""
    if found["spec"]["ports"] == wanted["spec"]["ports"]:
        return None
    return {**found, "spec": {**found["spec"], "ports": wanted["spec"]["ports"]}}


def data_unless(is_valid: Callable[[Mapping[str, str]], bool]) -> Mend:
    """Of a ConfigMap, the data where what it says can't be."""

    def mend(found: Object, wanted: Object) -> Object | None:
        data = found.get("data") or {}
        return None if is_valid(data) else {**found, "data": data | wanted["data"]}

    return mend


def merged(found: Object, wanted: Object) -> Object | None:
    """All that is said is so again; what others have added stays."""
    now: Object = _merged(found, wanted)
    return None if now == found else now


def _merged(found: Any, wanted: Any) -> Any:
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return wanted
    return {**found, **{field: _merged(found.get(field), value) for field, value in wanted.items()}}


def role_rules(role: Object, wanted: Object) -> Object | None:
    """A default role gets back the rules that it lacks. Rule: documentation, "Auto-reconciliation"."""
    if annotations_of(role).get(RBAC_AUTO_UPDATE) != "true":
        return None
    missing = [rule.tree() for rule in uncovered(rules_of(wanted), rules_of(role))]
    return {**role, "rules": [*(role.get("rules") or ()), *missing]} if missing else None


def binding_subjects(binding: Object, wanted: Object) -> Object | None:
    """A default binding gets back the subjects that it lacks."""
    if annotations_of(binding).get(RBAC_AUTO_UPDATE) != "true" or binding["roleRef"] != wanted["roleRef"]:
        return None
    have = binding.get("subjects") or []
    missing = [subject for subject in wanted.get("subjects") or () if subject not in have]
    return {**binding, "subjects": [*have, *missing]} if missing else None


def flow_spec(*, mandatory: bool) -> Mend:
    """The spec of a FlowSchema or PriorityLevelConfiguration: always, or unless an administrator has changed it.

    The annotation says which it is, and is put right. Rule: k8s.io/kubernetes/pkg/registry/flowcontrol/ensurer.
    """

    def mend(found: Object, wanted: Object) -> Object | None:
        said = _TRUTHS.get(annotations_of(found).get(FLOW_AUTO_UPDATE, ""))
        ours = mandatory or (found["metadata"].get("generation") == 1 if said is None else said)
        differs = ours and not semantic_equal(found["spec"], wanted["spec"])
        if said is ours and not differs:
            return None
        annotations = {**annotations_of(found), FLOW_AUTO_UPDATE: "true" if ours else "false"}
        spec = wanted["spec"] if differs else found["spec"]
        return {**found, "metadata": {**found["metadata"], "annotations": annotations}, "spec": spec}

    return mend


def dangling(found: Iterable[Object], wanted: Iterable[Object]) -> list[Object]:
    """Objects that an earlier release made, and that no administrator has taken over: nobody wants them."""
    names = {obj["metadata"]["name"] for obj in wanted}
    return [
        obj
        for obj in found
        if obj["metadata"]["name"] not in names and _TRUTHS.get(annotations_of(obj).get(FLOW_AUTO_UPDATE, "")) is True
    ]
