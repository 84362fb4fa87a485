"""Which taints drive pods away from a device, and when. Pure; called by eviction.py and controller.py."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sampan.machinery.meta import Object, later, parse_time

NO_EXECUTE = "NoExecute"
_AT_ONCE = datetime.min.replace(tzinfo=UTC)


class Taint(NamedTuple):
    """A NoExecute taint of an allocated device."""

    taint: Object
    rule: str  # uid of the rule that sets it; "" where the driver does


def pool_of(place: Object) -> str:
    """Names the pool of a slice's spec or of an allocated device."""
    pool = place["pool"]
    return f"{place['driver']}/{pool if isinstance(pool, str) else pool['name']}"


def evicting(device: Object, slices: Iterable[Object], rules: Iterable[Object]) -> Iterator[Taint]:
    """The taints of an allocated device; `slices` are those of its pool."""
    for taint in _published(device["device"], slices):
        if taint["effect"] == NO_EXECUTE:
            yield Taint(taint, "")
    for rule in rules:
        if rule["spec"]["taint"]["effect"] == NO_EXECUTE and selects(rule, device):
            yield Taint(rule["spec"]["taint"], rule["metadata"]["uid"])


def _published(name: str, slices: Iterable[Object]) -> list[Object]:
    return next((one.get("taints") or [] for one in published(slices) if one["name"] == name), [])


def published(slices: Iterable[Object]) -> Iterator[Object]:
    """The devices of a pool: those of its newest generation."""
    specs = [one["spec"] for one in slices]
    newest = max((spec["pool"].get("generation") or 0 for spec in specs), default=0)
    for spec in specs:
        if (spec["pool"].get("generation") or 0) == newest:
            yield from spec.get("devices") or ()


def selects(rule: Object, device: Object) -> bool:
    """Whether a rule is about a device, given with its driver and pool; a rule without a selector is about none."""
    selector = rule["spec"].get("deviceSelector")
    if selector is None:
        return False
    return all(selector.get(field) in (None, device[field]) for field in ("driver", "pool", "device"))


def leaves_at(device: Object, taint: Object) -> datetime | None:
    """When pods have to leave an allocated device because of a taint; None for never."""
    seconds = [one.get("tolerationSeconds") for one in device.get("tolerations") or () if tolerates(one, taint)]
    if None in seconds:
        return None
    added = parse_time(taint["timeAdded"]) if taint.get("timeAdded") else _AT_ONCE
    return later(added, min((max(one or 0, 0) for one in seconds), default=0))


def tolerates(toleration: Object, taint: Object) -> bool:
    """Whether a toleration is for NoExecute, and for this taint."""
    if toleration.get("effect") != NO_EXECUTE or toleration.get("key") not in (None, "", taint["key"]):
        return False
    operator = toleration.get("operator") or "Equal"
    same = (toleration.get("value") or "") == (taint.get("value") or "")
    return operator == "Exists" or (operator == "Equal" and same)
