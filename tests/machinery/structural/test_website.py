"""A definition as they are in the field, and what is told of an object of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.machinery.schema import load
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema
from sampan.machinery.tree import deep_copy
from tests.kinds.write import create_errors

GIVEN = json.loads((Path(__file__).parents[3] / "benchmarks" / "website.json").read_text())
SCHEMA = ResourceSchema(
    GIVEN["definition"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"], object_meta_reader(load())
)


def website(**spec: Any) -> Any:
    obj = deep_copy(GIVEN["object"])
    obj["spec"] |= spec
    return obj


def test_the_definition_is_accepted() -> None:
    assert create_errors(GIVEN["definition"]) == []


def test_a_good_website_stays_as_it_is() -> None:
    obj = website()
    assert SCHEMA.read(obj) == []
    SCHEMA.default(obj)
    assert SCHEMA.validate(obj) == []
    assert obj == GIVEN["object"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"tls": {"minVersion": "1.0"}},
            'spec.tls.minVersion: Unsupported value: "1.0": supported values: "1.2", "1.3"',
        ),
        ({"source": {"branch": "main"}}, "spec.source.repository: Required value"),
        (
            {"hosts": "a"},
            'spec.hosts: Invalid value: "string": spec.hosts in body must be of type array: "string"',
        ),
        (
            {"replicas": 2**40},
            '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.replicas',
        ),
    ],
)
def test_bad_ones(spec: dict[str, Any], told: str) -> None:
    obj = website(**spec)
    SCHEMA.read(obj)
    assert [str(error) for error in SCHEMA.validate(obj)] == [told]


def test_an_update_may_keep_what_was_wrong() -> None:
    old, new = website(theme={"name": 1}), website(theme={"name": 1}, replicas=3)
    assert SCHEMA.validate_update(new, old) == []
    assert SCHEMA.validate(new) != []
