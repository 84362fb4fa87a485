"""Taints of devices, and tolerations of who may have a tainted one all the same."""

from datetime import datetime

from sampan.kinds.checks import Errors
from sampan.kinds.resource.names import DOMAIN
from sampan.machinery.meta import Object, format_time
from sampan.machinery.rules import Enum, FieldRules, Format, Required
from sampan.machinery.validation import Path, check, invalid, label_value, qualified_name

_EFFECTS = Enum(("NoExecute", "NoSchedule", "None"))
TAINT_RULES: FieldRules = {DOMAIN + "DeviceTaint": {"effect": (Required(), _EFFECTS)}}
TOLERATION_RULES: FieldRules = {
    DOMAIN + "DeviceToleration": {
        "key": Format(qualified_name),
        "operator": Enum(("Equal", "Exists")),
        "effect": _EFFECTS,
    }
}


def default_time(taint: Object, now: datetime) -> None:
    """A taint that does not say since when it is there is there since now."""
    if not taint.get("timeAdded"):
        taint["timeAdded"] = format_time(now)


def validate_taint(taint: Object, path: Path) -> Errors:
    """Its key and value."""
    key, value = taint.get("key") or "", taint.get("value") or ""
    yield from check(path.child("key"), key, qualified_name(key))
    if value:
        yield from check(path.child("value"), value, label_value(value))


def validate_toleration(toleration: Object, path: Path) -> Errors:
    """What depends on the operator."""
    operator, value = toleration.get("operator") or "", toleration.get("value") or ""
    if operator == "Exists" and value:
        yield invalid(path.child("value"), value, "must be empty for operator `Exists`")
    elif operator == "Equal":
        yield from check(path.child("value"), value, label_value(value))
