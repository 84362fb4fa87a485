"""Schemas and objects of ours against upstream's answers.

Each line of upstream.jsonl is the schema of a field `spec` with what Kubernetes 1.37.2 made of it: the errors of the
definition; or of an object what was unknown, what it became, and the errors of creating it and of replacing another.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.machinery.errors import FieldError, Invalid
from sampan.machinery.schema import load
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema, Unreadable
from sampan.machinery.tree import deep_copy
from tests.catalogue import CATALOGUE

CASES = [json.loads(line) for line in (Path(__file__).parent / "upstream.jsonl").read_text().splitlines()]
METADATA = object_meta_reader(load())


def identify(case: dict[str, Any]) -> str:
    return json.dumps(case)[:80]


def shown(errors: list[FieldError]) -> list[str]:
    """Errors as the golden file has them: with the reason of their causes."""
    if not errors:
        return []
    causes = [Invalid.of("K", "g", "n", [error]).details["causes"][0]["reason"] for error in errors]
    return sorted(f"{cause} {error}" for cause, error in zip(causes, errors, strict=True))


def definition(schema: dict[str, Any]) -> dict[str, Any]:
    root = {"type": "object", "properties": {"spec": schema}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
    names = {"plural": "foos", "kind": "Foo"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**kind, "metadata": {"name": "foos.example.com"}, "spec": spec}


def accepted(schema: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A schema as it is stored, and what is wrong with it."""
    served = CATALOGUE.by_kind["apiextensions.k8s.io/v1", "CustomResourceDefinition"]
    obj, _ = CATALOGUE.codec(served).decode(definition(deep_copy(schema)), "Ignore")
    assert served.kind.prepare_create and served.version.validate_create
    served.kind.prepare_create(obj)
    errors = list(served.version.validate_create(obj))
    return obj["spec"]["versions"][0]["schema"]["openAPIV3Schema"], shown(errors)


def read(schema: ResourceSchema, spec: Any) -> tuple[dict[str, Any], list[str]]:
    """An object, read and defaulted, and its unknown fields."""
    obj = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "n"}, "spec": deep_copy(spec)}
    unknown = schema.read(obj)
    schema.default(obj)
    return obj, sorted(unknown)


@pytest.mark.parametrize("case", CASES, ids=map(identify, CASES))
def test_case(case: dict[str, Any]) -> None:
    tree, errors = accepted(case["schema"])
    assert errors == sorted(case.get("definition", []))
    if "definition" in case:
        return
    schema = ResourceSchema(tree, METADATA)
    if "refused" in case:
        with pytest.raises(Unreadable) as caught:
            read(schema, case["value"])
        assert str(caught.value) == case["refused"]
        return
    obj, unknown = read(schema, case["value"])
    assert (unknown, obj.get("spec")) == (case["unknown"], case["read"])
    assert shown(schema.validate(obj)) == sorted(case["create"])
    if "update" in case:
        assert shown(schema.validate_update(obj, read(schema, case["old"])[0])) == sorted(case["update"])
