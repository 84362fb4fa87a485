"""Selectors of devices for resource claims: `device.attributes["example.com"].model == "a100"`.

    program = device_environment().compile(text)
    program.evaluate(device(driver, attributes, capacity, shared), SELECTOR_LIMIT).value

A domain that a device has no attributes of is an empty map, so that `has()` and `in` can be asked of it. Called by the
scheduler's allocation and by the validation of claims and device classes.
Upstream: dynamic-resource-allocation cel/compile.go.
"""

from collections.abc import Mapping
from typing import Any

from sampan.machinery import quantity
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.library.quantities import Quantity
from sampan.machinery.cel.library.semver import parse_semver
from sampan.machinery.cel.settings import CURRENT, Version
from sampan.machinery.cel.types import BOOL, DYN, STRING, Declaration, DeclaredField, Type, map_of, parse_type, struct

SELECTOR_LIMIT = 1_000_000  # cost units of one selector for one device
_LONGEST_DOMAIN, _LONGEST_NAME, _LONGEST_DRIVER = 63, 32, 63
_MOST_ATTRIBUTES, _LONGEST_VALUE = 32, 64
_LISTS = ("ints", "bools", "strings", "versions")


def device_environment(version: Version = CURRENT) -> Environment:
    """The environment of a selector; the base has cel.bind too."""
    device = _declaration(struct("kubernetes.DRADevice"))
    device.fields = {
        "driver": DeclaredField("driver", _declaration(STRING, _LONGEST_DRIVER)),
        "attributes": DeclaredField("attributes", _by_domain(_declaration(DYN, _LONGEST_VALUE))),
        "capacity": DeclaredField("capacity", _by_domain(_declaration(parse_type("kubernetes.Quantity")))),
        "allowMultipleAllocations": DeclaredField("allowMultipleAllocations", _declaration(BOOL, 1)),
    }
    return Environment({"device": device.type}, version=version, bindings=True)


def _declaration(type_: Type, most: int = 0) -> Declaration:
    made = Declaration(most=most)
    made.type = Type(type_.kind, type_.name, type_.parameters, made)
    return made


def _map(key: Declaration, item: Declaration) -> Declaration:
    made = _declaration(map_of(key.type, item.type), _MOST_ATTRIBUTES)
    made.key, made.item = key, item
    return made


def _by_domain(item: Declaration) -> Declaration:
    names = _map(_declaration(STRING, _LONGEST_NAME), item)
    names.any_key = item.type == DYN
    return _map(_declaration(STRING, _LONGEST_DOMAIN), names)


def device(
    driver: str,
    attributes: Mapping[str, Mapping[str, Any]],
    capacity: Mapping[str, Mapping[str, Any]],
    allow_multiple_allocations: bool = False,
) -> Mapping[str, Any]:
    """The bindings for a device: names without a domain are its driver's. Raises EvaluationError for a bad version."""
    return {
        "device": {
            "driver": driver,
            "attributes": _grouped(driver, {name: _attribute(value) for name, value in attributes.items()}),
            "capacity": _grouped(driver, {name: _amount(value) for name, value in capacity.items()}),
            "allowMultipleAllocations": allow_multiple_allocations,
        }
    }


class _Domains(dict[str, dict[str, Any]]):
    """Attributes by domain; any other domain is there, and empty."""

    def __missing__(self, domain: str) -> dict[str, Any]:
        return {}

    def __contains__(self, domain: object) -> bool:
        return True


def _grouped(driver: str, values: Mapping[str, Any]) -> _Domains:
    found = _Domains()
    for name, value in values.items():
        domain, slash, identifier = name.partition("/")
        if not slash:
            domain, identifier = driver, name
        if dict.__contains__(found, domain):
            found[domain][identifier] = value
        else:
            found[domain] = {identifier: value}
    return found


def _attribute(value: Mapping[str, Any]) -> Any:
    if value.get("versions") is not None:
        return [parse_semver(text) for text in value["versions"]]
    for name in _LISTS:
        if value.get(name) is not None:
            return value[name]
    if value.get("version") is not None:
        return parse_semver(value["version"])
    return next((value[name] for name in ("int", "bool", "string") if value.get(name) is not None), None)


def _amount(value: Mapping[str, Any]) -> Quantity:
    return Quantity(quantity.parse(str(value["value"])))
