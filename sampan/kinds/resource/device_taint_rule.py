"""DeviceTaintRule: a taint for all devices that it selects, which an administrator sets and no driver.

Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation, registry/resource/devicetaintrule.
"""

from datetime import datetime

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, since, text
from sampan.kinds.conditions import validate_conditions
from sampan.kinds.core.persistent_volume_sources import validate_driver_name
from sampan.kinds.prepare import STATUS_METADATA, fresh_status, in_metadata, keeping_metadata
from sampan.kinds.resource.names import DOMAIN, GROUP, device_name, pool_name
from sampan.kinds.resource.taints import TAINT_RULES, default_time, validate_taint
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object, format_time
from sampan.machinery.paths import too_many
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path

_DEFINITION = DOMAIN + "DeviceTaintRule"
_SELECTOR, _CONDITIONS = SPEC.child("deviceSelector"), Path("status.conditions")
_MOST_CONDITIONS = 8


def _stamp(new: Object, old: Object | None, now: datetime) -> None:
    """Since when the effect is what it is, unless the client says so itself."""
    taint, before = new["spec"]["taint"], old["spec"]["taint"] if old else None
    default_time(taint, now)
    if before and taint.get("effect") != before.get("effect") and taint["timeAdded"] == before.get("timeAdded"):
        taint["timeAdded"] = format_time(now)


def _validate(rule: Object) -> Errors:
    selector = rule["spec"].get("deviceSelector") or {}
    for field, check_name in (("driver", validate_driver_name), ("pool", pool_name), ("device", device_name)):
        if (value := selector.get(field)) is not None:
            yield from check_name(value, _SELECTOR.child(field))
    yield from validate_taint(rule["spec"].get("taint") or {}, SPEC.child("taint"))


def _validate_status_update(new: Object, old: Object) -> Errors:
    conditions = get_path(new, ("status", "conditions")) or []
    yield from validate_conditions(conditions, _CONDITIONS)
    if len(conditions) > _MOST_CONDITIONS:
        yield too_many(_CONDITIONS, len(conditions), _MOST_CONDITIONS)


def _time_added(rule: Object, now: datetime) -> str:
    return since(get_path(rule, ("spec", "taint", "timeAdded")), now)


KIND = Kind(
    name="DeviceTaintRule",
    plural="devicetaintrules",
    versions=(
        ServedVersion(GROUP, "v1", _DEFINITION),
        ServedVersion(GROUP, "v1beta2", _DEFINITION, deprecated="1.39", removed="1.42"),
        ServedVersion(GROUP, "v1alpha3", _DEFINITION, deprecated="1.36", removed="1.39"),
    ),
    namespaced=False,
    columns=(
        NAME,
        Column("Key", text("spec", "taint", "key"), description="The key of the taint."),
        Column("Value", text("spec", "taint", "value"), description="Its value."),
        Column("Effect", text("spec", "taint", "effect"), description="What it does to claims without a toleration."),
        Column("TimeAdded", _time_added, description="Since when."),
        AGE,
    ),
    prepare_create=fresh_status(),
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    stamp=_stamp,
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    rules=TAINT_RULES,
    validate=_validate,
    validate_status_update=_validate_status_update,
    allow_unconditional_update=False,
)
