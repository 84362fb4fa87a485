"""What has to hold between the devices of a claim: the same attribute for all of some requests, or none twice.

Attributes are compared with their types; a device without the attribute can't be had. A list is a value as a whole.
Upstream: dynamic-resource-allocation structured (matchAttributeConstraint, distinctAttributeConstraint).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sampan.machinery.meta import Object
from sampan.scheduler.devices.asking import AllocationError, Asked
from sampan.scheduler.devices.pools import Device

Value = tuple[str, Any]
_TYPES = ("string", "int", "bool", "version")


class Constraint:
    """One constraint with the values of the devices that have been chosen."""

    def __init__(self, constraint: Object) -> None:
        self._requests = frozenset(constraint.get("requests") or ())
        self._distinct = constraint.get("matchAttribute") is None
        self._attribute: str = constraint["distinctAttribute" if self._distinct else "matchAttribute"]
        self._values: Counter[Value] = Counter()

    def add(self, asked: Asked, device: Device) -> bool:
        """Count a device in; false where it can't be had beside the others."""
        if not self._concerns(asked):
            return True
        value = attribute(device, self._attribute)
        if value is None or (self._values and (value in self._values) == self._distinct):
            return False
        self._values[value] += 1
        return True

    def remove(self, asked: Asked, device: Device) -> None:
        """Count a device out that has been counted in."""
        value = attribute(device, self._attribute) if self._concerns(asked) else None
        if value is not None:
            self._values[value] -= 1
            if not self._values[value]:
                del self._values[value]

    def _concerns(self, asked: Asked) -> bool:
        return not self._requests or any(name in self._requests for name in asked.names)


def constraints_of(claim: str, constraints: Sequence[Object]) -> list[Constraint]:
    """Those of a claim, with nothing chosen. Raises AllocationError."""
    for index, one in enumerate(constraints):
        if one.get("matchAttribute") is None and one.get("distinctAttribute") is None:
            why = "empty constraint (unsupported constraint type?)"
            raise AllocationError(f"claim {claim}, constraint #{index}: {why}")
    return [Constraint(one) for one in constraints]


def attribute(device: Device, name: str) -> Value | None:
    """A device's attribute by its full name; those of the driver's own domain may go without it."""
    attributes = device.object.get("attributes") or {}
    found = attributes.get(name)
    if found is None:
        domain, _, identifier = name.partition("/")
        found = attributes.get(identifier) if domain == device.id.driver else None
    if found is None:
        return None
    return next(((type_, found[type_]) for type_ in _TYPES if found.get(type_) is not None), None)
