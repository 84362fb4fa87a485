"""Whatever has the right types, the kinds' rules judge it and never fall over: bad input is a 4xx, not a 5xx.

Objects are drawn from the field schema by a seeded generator, a few fields each; hypothesis would spend its time on
shrinking objects of thousands of possible fields.
"""

import copy
from random import Random
from typing import Any

import pytest

from sampan.machinery.errors import BadRequest, Invalid
from sampan.machinery.kind import Served
from sampan.machinery.schema import Field
from tests.catalogue import CATALOGUE
from tests.kinds.write import NOW

WORDS = ["", "a", "A_b", "x/y", "None", "TCP", "Always", "1", "10.0.0.1", "*", "a=b", "-1", "ünï", "In", "Localhost"]
SCALARS: dict[str, list[Any]] = {
    "string": WORDS,
    "bytes": ["", "eA==", "e30="],
    "boolean": [True, False],
    "integer": [-1, 0, 1, 2, 80, 2**31 - 1],
    "number": [0.0, 1.5],
    "time": ["2026-01-02T11:00:00Z", None],
    "micro-time": ["2026-01-02T11:00:00.000000Z", None],
    "quantity": ["0", "1", "-1", "1500m", "1Gi", "1e3"],
    "int-or-string": [0, 1, -1, "", "http", "25%", "101%"],
    "any": [{}, {"a": 1}, None],
}
VERSIONS = {f"{s.version.api_version} {s.kind.name}": s for s in CATALOGUE.by_kind.values()}


def value(random: Random, field: Field, depth: int) -> Any:
    if field.type == "object":
        return some_object(random, field.ref, depth)
    if field.type == "array" and field.items:
        return [value(random, field.items, depth) for _ in range(random.choice((0, 1, 1, 2)))]
    if field.type == "map" and field.items:
        return {random.choice(WORDS): value(random, field.items, depth) for _ in range(random.choice((0, 1, 2)))}
    return copy.deepcopy(random.choice(SCALARS[field.type]))


def some_object(random: Random, name: str, depth: int) -> dict[str, Any]:
    """An object of a definition: more fields near the top, few below."""
    fields = CATALOGUE.schema.definition(name).fields
    if depth == 0:
        return {}
    chosen = random.sample(sorted(fields), min(len(fields), random.choice((1, 2, 3, 5))))
    return {field: value(random, fields[field], depth - 1) for field in chosen}


def manifest(random: Random, served: Served) -> dict[str, Any]:
    made = some_object(random, served.version.definition, 9)
    fields = CATALOGUE.schema.definition(served.version.definition).fields
    if "spec" in fields and random.random() < 0.9:
        made["spec"] = value(random, fields["spec"], 8)
    made["metadata"] = {"name": random.choice(WORDS), "labels": {random.choice(WORDS): random.choice(WORDS)}}
    return {field: item for field, item in made.items() if field not in ("apiVersion", "kind")}


def judge(served: Served, sent: Any, old: Any) -> Any:
    """Everything that a write does with an object."""
    kind, version = served
    obj, _ = CATALOGUE.codec(Served(kind, version)).decode(copy.deepcopy(sent))
    if kind.namespaced:
        obj["metadata"]["namespace"] = "default"
    found = list(CATALOGUE.validator(served).errors(obj))
    if old is None:
        if kind.prepare_create:
            kind.prepare_create(obj)
        for check in (kind.validate_create, version.validate_create):
            found += check(obj) if check else ()
    else:
        found += replace(served, obj, old)
    for check in (kind.validate, version.validate):
        found += check(obj) if check else ()
    if found:
        Invalid.of(kind.name, kind.group, "x", found).status()
    for warnings in (kind.warnings, kind.create_warnings):
        list(warnings(obj) if warnings else ())
    CATALOGUE.codec(Served(kind, version)).encode(obj)
    return obj


def replace(served: Served, obj: Any, old: Any) -> Any:
    kind, version = served
    shared = copy.deepcopy(old)
    obj["metadata"]["resourceVersion"] = "2"
    if kind.prepare_update:
        kind.prepare_update(obj, old)
    yield from CATALOGUE.validator(served).changes(obj, old)
    for check in (kind.validate_update, version.validate_update, kind.validate_status_update):
        yield from check(obj, old) if check else ()
    if kind.prepare_status_update:
        kind.prepare_status_update(copy.deepcopy(obj), old)
    assert old == shared


@pytest.mark.parametrize("served", VERSIONS.values(), ids=VERSIONS)
def test_any_object_is_judged(served: Served):
    random, old, judged = Random(served.version.api_version), None, 0
    for _ in range(150):
        sent = manifest(random, served)
        try:
            old = judge(served, sent, old if random.random() < 0.5 else None)
            judged += 1
        except BadRequest:
            continue
        except Exception as error:
            raise AssertionError(f"{sent} made {error!r}") from error
    assert judged > 20


@pytest.mark.parametrize("served", VERSIONS.values(), ids=VERSIONS)
def test_any_status_is_printed(served: Served):
    """A status is written by anyone who may; its table row must not fail for what it leaves out."""
    kind, random = served.kind, Random(served.kind.name)
    fields = CATALOGUE.schema.definition(kind.storage.definition).fields
    for _ in range(100):
        obj: dict[str, Any] = {"metadata": {"name": "a"}}
        obj |= {"spec": {}} if "spec" in fields else {}
        if kind.has_status and "status" in fields:
            obj["status"] = value(random, fields["status"], 6)
        obj, _ = CATALOGUE.codec(Served(kind, kind.storage)).decode(obj)
        for column in kind.columns:
            column.cell(obj, NOW)
        assert all(isinstance(getter(obj), str) for getter in kind.selectable_fields.values())
