"""PriorityClass: a named priority for pods."""

from sampan.kinds.checks import Errors
from sampan.kinds.columns import AGE, NAME, count_column, text
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, Immutable
from sampan.machinery.validation import forbidden

_DEFINITION = "io.k8s.api.scheduling.v1.PriorityClass"
HIGHEST_USER_PRIORITY = 1_000_000_000
SYSTEM_CLASSES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}

_DEFAULTS = {_DEFINITION: {"preemptionPolicy": "PreemptLowerPriority", "value": 0}}


def _validate(priority_class: Object) -> Errors:
    name, value = priority_class["metadata"].get("name") or "", priority_class.get("value") or 0
    if name.startswith("system-"):
        if problem := _unknown_system_class(name, value, bool(priority_class.get("globalDefault"))):
            detail = "priority class names with 'system-' prefix are reserved for system use only. error: " + problem
            yield forbidden("metadata.name", detail)
    elif value > HIGHEST_USER_PRIORITY:
        detail = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        yield forbidden("value", detail)


def _unknown_system_class(name: str, value: int, is_default: bool) -> str:
    if name not in SYSTEM_CLASSES:
        return f"{name} is not a known system priority class"
    if value != SYSTEM_CLASSES[name]:
        return f"value of {name} PriorityClass must be {SYSTEM_CLASSES[name]}"
    return f"globalDefault of {name} PriorityClass must be false" if is_default else ""


def _validate_update(new: Object, old: Object) -> Errors:
    if (new.get("value") or 0) != (old.get("value") or 0):
        yield forbidden("value", "may not be changed in an update.")


KIND = Kind(
    name="PriorityClass",
    plural="priorityclasses",
    versions=versions("scheduling.k8s.io", _DEFINITION, v1beta1=("1.14", "1.22"), v1alpha1=("1.14", "1.23")),
    namespaced=False,
    short_names=("pc",),
    columns=(
        NAME,
        count_column("Value", "value", description="The priority that pods of this class get."),
        Column(
            "Global-Default",
            lambda obj, now: bool(obj.get("globalDefault")),
            type="boolean",
            description="Whether pods that name no class get this one.",
        ),
        AGE,
        Column("PreemptionPolicy", text("preemptionPolicy"), description="Whether pods of this class displace others."),
    ),
    validate=_validate,
    validate_update=_validate_update,
    rules={_DEFINITION: {"preemptionPolicy": (Enum(("Never", "PreemptLowerPriority")), Immutable())}},
    has_status=False,
    defaults=_DEFAULTS,
)
