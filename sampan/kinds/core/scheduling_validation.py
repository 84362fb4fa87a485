"""What is wrong with where a pod may go: node selector, affinity, tolerations, spreading, gates."""

from collections.abc import Iterable, Sequence

from sampan.kinds.checks import Errors, each, supported, unique
from sampan.kinds.core.taints import validate_effect
from sampan.machinery.errors import FIELD_DUPLICATE, FieldError
from sampan.machinery.meta import Object
from sampan.machinery.validation import (
    Path,
    check,
    dns_label,
    dns_subdomain,
    forbidden,
    invalid,
    label_value,
    not_supported,
    qualified_name,
    required,
    validate_label_selector,
    validate_labels,
)

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_WEIGHT = "must be in the range 1-100"


def validate_scheduling(spec: Object, path: Path) -> Errors:
    """All fields of a pod spec by which it chooses nodes."""
    affinity = spec.get("affinity") or {}
    yield from validate_labels(spec.get("nodeSelector"), path.child("nodeSelector"))
    yield from _node_affinity(affinity.get("nodeAffinity") or {}, path.child("affinity", "nodeAffinity"))
    for kind in ("podAffinity", "podAntiAffinity"):
        yield from _pod_affinity(affinity.get(kind) or {}, path.child("affinity", kind))
    yield from each(path.child("tolerations"), spec.get("tolerations"), validate_toleration)
    yield from _spread(spec.get("topologySpreadConstraints") or [], path.child("topologySpreadConstraints"))
    yield from _gates(spec.get("schedulingGates") or [], path.child("schedulingGates"))


def _gates(gates: list[Object], path: Path) -> Errors:
    for index, gate in enumerate(gates):
        name = gate.get("name") or ""
        yield from check(path.index(index), name, qualified_name(name))
    yield from unique([gate.get("name") for gate in gates], path.index)


def _node_affinity(affinity: Object, path: Path) -> Errors:
    if (needed := affinity.get(_REQUIRED)) is not None:
        yield from validate_node_selector(needed, path.child(_REQUIRED))
    for index, preferred in enumerate(affinity.get(_PREFERRED) or ()):
        at = path.child(_PREFERRED).index(index)
        yield from _weight(preferred, at)
        yield from validate_node_term(preferred.get("preference") or {}, at.child("preference"))


def validate_node_selector(selector: Object, path: Path) -> Errors:
    """A NodeSelector: terms of which one has to hold."""
    at, terms = path.child("nodeSelectorTerms"), selector.get("nodeSelectorTerms")
    if not terms:
        yield required(at, "must have at least one node selector term")
    yield from each(at, terms, validate_node_term)


def _weight(item: Object, path: Path) -> Errors:
    if not 1 <= item.get("weight", 0) <= 100:
        yield invalid(path.child("weight"), item.get("weight", 0), _WEIGHT)


def validate_node_term(term: Object, path: Path) -> Errors:
    """A NodeSelectorTerm: expressions over a node's labels and its name."""
    yield from each(path.child("matchExpressions"), term.get("matchExpressions"), _node_requirement)
    yield from each(path.child("matchFields"), term.get("matchFields"), _node_field)


def _node_requirement(item: Object, path: Path) -> Errors:
    operator, values, key = item.get("operator") or "", item.get("values") or [], item.get("key") or ""
    at = path.child("values")
    if operator in ("In", "NotIn"):
        if not values:
            yield required(at, "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            yield required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'")
    else:
        yield invalid(path.child("operator"), operator, "not a valid selector operator")
    yield from check(path.child("key"), key, qualified_name(key))


def _node_field(item: Object, path: Path) -> Errors:
    operator, values, key = item.get("operator") or "", item.get("values") or [], item.get("key") or ""
    if operator not in ("In", "NotIn"):
        yield invalid(path.child("operator"), operator, "not a valid selector operator")
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield required(path.child("values"), detail)
    if key != "metadata.name":
        yield invalid(path.child("key"), key, "not a valid field selector key")
    else:
        for index, value in enumerate(values):
            yield from check(path.child("values").index(index), value, dns_subdomain(value))


def _pod_affinity(affinity: Object, path: Path) -> Errors:
    yield from each(path.child(_REQUIRED), affinity.get(_REQUIRED), _pod_term)
    for index, preferred in enumerate(affinity.get(_PREFERRED) or ()):
        at = path.child(_PREFERRED).index(index)
        yield from _weight(preferred, at)
        yield from _pod_term(preferred.get("podAffinityTerm") or {}, at.child("podAffinityTerm"))


def _pod_term(term: Object, path: Path) -> Errors:
    yield from validate_label_selector(term.get("labelSelector"), path.child("labelSelector"))
    yield from validate_label_selector(term.get("namespaceSelector"), path.child("namespaceSelector"))
    for name in term.get("namespaces") or ():
        yield from check(path.child("namespace"), name, dns_label(name))
    yield from _topology_key(term, path)


def _topology_key(item: Object, path: Path) -> Errors:
    if not (key := item.get("topologyKey")):
        yield required(path.child("topologyKey"), "can not be empty")
    else:
        yield from check(path.child("topologyKey"), key, qualified_name(key))


def validate_toleration(toleration: Object, path: Path) -> Errors:
    """One Toleration."""
    key, operator = toleration.get("key") or "", toleration.get("operator") or "Equal"
    value, effect = toleration.get("value") or "", toleration.get("effect") or ""
    if key:
        yield from check(path.child("key"), key, qualified_name(key))
    elif operator != "Exists":
        detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid(path.child("operator"), toleration.get("operator") or "", detail)
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid(path.child("effect"), effect, detail)
    if operator == "Equal":
        if wrong := label_value(value):
            yield invalid(path.child("operator"), value, ";".join(wrong))
    elif operator == "Exists":
        if value:
            yield invalid(path.child("operator"), toleration, "value must be empty when `operator` is 'Exists'")
    else:
        yield not_supported(path.child("operator"), operator, ("Equal", "Exists"))
    yield from validate_effect(effect, path.child("effect"), allow_empty=True)


def validate_added_tolerations(new: Sequence[Object], old: Iterable[Object], path: Path) -> Errors:
    """Of a running pod, tolerations may be added, and their seconds changed; nothing else."""
    if set(map(_tolerated, old)) <= set(map(_tolerated, new)):
        yield from each(path, new, validate_toleration)
    else:
        yield forbidden(path, "existing toleration can not be modified except its tolerationSeconds")


def _tolerated(toleration: Object) -> tuple[str, ...]:
    """A toleration without its seconds."""
    return tuple(toleration.get(field) or "" for field in ("key", "operator", "value", "effect"))


def _spread(constraints: list[Object], path: Path) -> Errors:
    seen = set()
    for index, constraint in enumerate(constraints):
        at, when = path.index(index), constraint.get("whenUnsatisfiable") or ""
        yield from _skew(constraint, when, at)
        yield from _topology_key(constraint, at)
        yield from supported(at.child("whenUnsatisfiable"), when, ("DoNotSchedule", "ScheduleAnyway"))
        pair = (constraint.get("topologyKey"), when)
        if pair in seen:
            shown = "{" + ", ".join(map(str, pair)) + "}"
            yield FieldError(FIELD_DUPLICATE, str(at.child("{topologyKey, whenUnsatisfiable}")), "", shown)
        seen.add(pair)
        yield from validate_label_selector(constraint.get("labelSelector"), at.child("labelSelector"))


def _skew(constraint: Object, when: str, path: Path) -> Errors:
    if constraint.get("maxSkew", 0) <= 0:
        yield invalid(path.child("maxSkew"), constraint.get("maxSkew", 0), "must be greater than zero")
    if (domains := constraint.get("minDomains")) is not None:
        if domains <= 0:
            yield invalid(path.child("minDomains"), domains, "must be greater than zero")
        if when != "DoNotSchedule":
            detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {when}"
            yield invalid(path.child("minDomains"), domains, detail)
