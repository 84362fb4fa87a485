"""Which definition may have which names, and what its conditions are: a pure function of the definitions of a group.

`settled` gives the status that a definition should have. Names are given to who asks first and kept until they are
given back; a definition is served once all its first names are accepted, whatever it asks for later. Called by
controller.py. Upstream: k8s.io/apiextensions-apiserver/pkg/controller: status, establish, nonstructuralschema,
apiapproval.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sampan.kinds.apiextensions.approval import approval_of, is_protected
from sampan.kinds.apiextensions.certificates import bundle_error
from sampan.machinery.aggregate import aggregated
from sampan.machinery.conditions import FALSE, TRUE, find, with_condition, without
from sampan.machinery.meta import Object
from sampan.machinery.structural.structurality import structural_errors
from sampan.machinery.validation import Path

ESTABLISHED, NAMES_ACCEPTED, TERMINATING = "Established", "NamesAccepted", "Terminating"
_NON_STRUCTURAL, _APPROVAL = "NonStructuralSchema", "KubernetesAPIApprovalPolicyConformant"
_APPROVAL_REASONS = {
    "approved": (TRUE, "ApprovedAnnotation"),
    "bypassed": (FALSE, "UnapprovedAnnotation"),
    "missing": (FALSE, "MissingAnnotation"),
    "invalid": (FALSE, "InvalidAnnotation"),
}


class Taken(NamedTuple):
    """The names that others of the group have."""

    resources: frozenset[str]
    kinds: frozenset[str]


def is_true(definition: Object, type: str) -> bool:
    """Whether a condition of a definition is true."""
    found = find((definition.get("status") or {}).get("conditions") or (), type)
    return found is not None and found["status"] == TRUE


def taken(definition: Object, definitions: Iterable[Object]) -> Taken:
    """What the other definitions of its group have been given."""
    resources: set[str] = set()
    kinds: set[str] = set()
    group, name = definition["spec"]["group"], definition["metadata"]["name"]
    for other in definitions:
        if other["spec"]["group"] != group or other["metadata"]["name"] == name:
            continue
        names = (other.get("status") or {}).get("acceptedNames") or {}
        resources |= {names.get("plural", ""), names.get("singular", ""), *(names.get("shortNames") or ())}
        kinds |= {names.get("kind", ""), names.get("listKind", "")}
    return Taken(frozenset(resources - {""}), frozenset(kinds - {""}))


def settled(definition: Object, others: Taken, now: datetime) -> Object:
    """The status of a definition that is not being deleted."""
    status: Object = dict(definition.get("status") or {})
    found: list[Object] = list(status.get("conditions") or ())
    names, (reason, message) = _accepted(definition, others)
    status["acceptedNames"] = names
    accepted = (TRUE, "NoConflicts", "no conflicts found") if not reason else (FALSE, reason, message)
    found = with_condition(found, NAMES_ACCEPTED, *accepted, now, updates=False)
    if not is_true(definition, ESTABLISHED):
        found = with_condition(found, ESTABLISHED, *_established(definition, accepted[0]), now, updates=False)
    found = _told(found, _NON_STRUCTURAL, _non_structural(definition), now)
    status["conditions"] = _told(found, _APPROVAL, _approval(definition), now)
    return status


def _accepted(definition: Object, others: Taken) -> tuple[Object, tuple[str, str]]:
    """The names that it may have, and the last conflict (reason, message), if any."""
    wanted, given = definition["spec"]["names"], (definition.get("status") or {}).get("acceptedNames") or {}
    names: dict[str, Any] = {key: value for key, value in given.items() if value}
    names.setdefault("plural", "")
    names.setdefault("kind", "")
    conflict = ("", "")
    single = (("plural", others.resources, "PluralConflict"), ("singular", others.resources, "SingularConflict"))
    kinds = (("kind", others.kinds, "KindConflict"), ("listKind", others.kinds, "ListKindConflict"))
    for field, used, reason in single:
        conflict = _take(names, wanted, field, used, reason) or conflict
    conflict = _take_short_names(names, wanted, others.resources) or conflict
    for field, used, reason in kinds:
        conflict = _take(names, wanted, field, used, reason) or conflict
    names.pop("categories", None)
    if wanted.get("categories"):
        names["categories"] = wanted["categories"]
    return names, conflict


def _take(
    names: dict[str, Any], wanted: Mapping[str, Any], field: str, used: frozenset[str], reason: str
) -> tuple[str, str] | None:
    name = wanted.get(field) or ""
    if name != names.get(field, "") and name in used:
        return reason, f'"{name}" is already in use'
    if name:
        names[field] = name
    return None


def _take_short_names(names: dict[str, Any], wanted: Mapping[str, Any], used: frozenset[str]) -> tuple[str, str] | None:
    given, asked = names.get("shortNames") or [], wanted.get("shortNames") or []
    problems = [f'"{name}" is already in use' for name in asked if name not in given and name in used]
    if problems:
        return "ShortNamesConflict", aggregated(problems)
    names.pop("shortNames", None)
    if asked:
        names["shortNames"] = asked
    return None


def _established(definition: Object, accepted: str) -> tuple[str, str, str]:
    if accepted != TRUE:
        return FALSE, "NotAccepted", "not all names are accepted"
    webhook = (definition["spec"].get("conversion") or {}).get("webhook") or {}
    bundle = (webhook.get("clientConfig") or {}).get("caBundle")
    if bundle and bundle_error(bundle):
        return FALSE, "InvalidCABundle", "The conversion webhook CABundle is invalid"
    return TRUE, "InitialNamesAccepted", "the initial names have been accepted"


def _non_structural(definition: Object) -> tuple[str, str, str] | None:
    spec, errors = definition["spec"], []
    if spec.get("preserveUnknownFields"):
        errors.append("spec.preserveUnknownFields: Invalid value: true: must be false")
    for index, version in enumerate(spec["versions"]):
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is not None:
            path = Path("spec.versions").index(index).child("schema", "openAPIV3Schema")
            errors += map(str, structural_errors(schema, path))
    return (TRUE, "Violations", aggregated(errors)) if errors else None


def _approval(definition: Object) -> tuple[str, str, str] | None:
    if not is_protected(definition["spec"]["group"]):
        return None
    state, message = approval_of(definition)
    return (*_APPROVAL_REASONS[state], message)


def _told(found: list[Object], type: str, what: tuple[str, str, str] | None, now: datetime) -> list[Object]:
    """A condition that is there only while there is something to say."""
    if what is None:
        return without(found, type)
    old = find(found, type)
    if old is not None and old.get("message") != what[2]:
        found = without(found, type)
    return with_condition(found, type, *what, now, updates=False)
