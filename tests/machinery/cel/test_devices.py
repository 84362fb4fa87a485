"""Selectors of devices: attributes by domain and name, capacities, versions, and what is not there."""

from typing import Any

import pytest

from sampan.machinery.cel.devices import SELECTOR_LIMIT, device, device_environment
from sampan.machinery.cel.errors import CompileError, EvaluationError

ENVIRONMENT = device_environment()
DEVICE = device(
    "gpu.example.com",
    {
        "model": {"string": "a100"},
        "cores": {"int": 8},
        "other.example.com/healthy": {"bool": True},
        "firmware": {"version": "1.2.3"},
        "links": {"strings": ["x", "y"]},
    },
    {"memory": {"value": "40Gi"}},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('device.driver == "gpu.example.com"', True),
        ('device.attributes["gpu.example.com"].model == "a100"', True),
        ('device.attributes["gpu.example.com"].cores > 4', True),
        ('device.attributes["other.example.com"].healthy', True),
        ('device.attributes["gpu.example.com"].firmware.isGreaterThan(semver("1.2.0"))', True),
        ('"y" in device.attributes["gpu.example.com"].links', True),
        ('has(device.attributes["nobody.example.com"].model)', False),
        ('"nobody.example.com" in device.attributes', True),
        ('device.capacity["gpu.example.com"].memory.compareTo(quantity("32Gi")) > 0', True),
        ("device.allowMultipleAllocations", False),
        ('cel.bind(own, device.attributes["gpu.example.com"], own.cores == 8 && own.model != "")', True),
    ],
)
def test_a_selector(text: str, expected: Any) -> None:
    assert ENVIRONMENT.compile(text).evaluate(DEVICE, SELECTOR_LIMIT).value is expected


def test_an_attribute_that_is_missing_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="no such key: size"):
        ENVIRONMENT.compile('device.attributes["gpu.example.com"].size == 1').evaluate(DEVICE)


def test_a_version_must_be_one() -> None:
    with pytest.raises(EvaluationError, match=r"No Major\.Minor\.Patch elements found"):
        device("d", {"v": {"version": "1"}}, {})


def test_fields_and_types_are_checked() -> None:
    with pytest.raises(CompileError, match="undefined field 'attribute'"):
        ENVIRONMENT.compile("device.attribute")
    with pytest.raises(CompileError, match="found no matching overload for '_>_'"):
        ENVIRONMENT.compile('device.capacity["a"].b > 1')


def test_values_have_a_greatest_size_in_estimates() -> None:
    bounded = ENVIRONMENT.compile('device.attributes["a"].b.matches("a+")').estimate
    assert bounded.most < 100
