"""JSON trees to protobuf: there and back again for every kind, and byte by byte as upstream writes them."""

import subprocess
from functools import cache
from pathlib import Path
from shutil import which
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampan.machinery.kind import Served
from sampan.machinery.protobuf import encoder, envelope, message_of, messages, parse_protobuf
from sampan.machinery.protobuf.messages import fields_of, inline_names
from sampan.machinery.schema import Field
from tests.catalogue import CATALOGUE

DEEPEST = 12  # of what is generated, for schemas hold themselves


def type_of(served: Served) -> tuple[str, str]:
    """apiVersion and kind."""
    return served.version.api_version, served.kind.name


WITHOUT = ("extensions/v1beta1", "ReplicationController")  # upstream has it for the sake of its scale only
MEASURED = "metrics.k8s.io/v1beta1"  # answered in JSON alone
EVERY = [
    served
    for served in CATALOGUE.by_resource.values()
    if type_of(served) != WITHOUT and served.version.api_version != MEASURED
]


def has_all(message: str, field: Field, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a message has every field of a type, and so on below."""
    while field.items is not None:
        field = field.items
    if field.type != "object" or message in seen:
        return True
    below = {one.name: one for one in fields_of(message) if not one.inline}
    inline = {name for one in fields_of(message) if one.inline for name in inline_names(one.type)}
    fields = {name: found for name, found in field.definition.fields.items() if name not in ("apiVersion", "kind")}
    return fields.keys() <= below.keys() | inline and all(
        below[name].is_scalar or has_all(below[name].type, found, seen | {message})
        for name, found in fields.items()
        if name in below
    )


def is_current(served: Served) -> bool:
    """Whether the field schema and upstream's messages describe a version alike: not one that shares the type of a
    newer one, nor one that is gone, whose type here is made of a newer one's and has fields that its message had not.
    """
    message = message_of(*type_of(served))
    if message is None or message != served.version.definition:
        return False
    return not served.version.removed or has_all(message, CATALOGUE.definition(served.version).as_field)


CURRENT = [served for served in EVERY if is_current(served)]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "bytes": st.sampled_from(["", "AHY=", "AAEC"]),
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "time": st.sampled_from(["2023-11-14T22:13:20Z", "1969-01-01T00:00:01Z"]),
    "micro-time": st.sampled_from(["2023-11-14T22:13:20.000001Z", "2024-02-29T00:00:00.000000Z"]),
    "quantity": st.sampled_from(["100m", "0", "1Gi", "-5"]),
    "int-or-string": st.integers(-(2**31), 2**31 - 1) | TEXTS,
}
ANY = st.dictionaries(TEXTS, TEXTS | st.integers(0, 9) | st.booleans(), max_size=2)


def values(field: Field, depth: int) -> st.SearchStrategy[Any]:
    """Values that a field may have."""
    if field.type == "object":
        return trees(field, depth + 1)
    if field.type in ("array", "map"):
        assert field.items is not None
        below = values(field.items, depth + 1)
        return st.lists(below, max_size=2) if field.type == "array" else st.dictionaries(TEXTS, below, max_size=2)
    if field.type == "any":
        union = unions(field, depth + 1)
        return ANY if union is None else union
    found = SCALARS[field.type]
    # Which of the empty ones JSON has is another question; in Go, a number or text that is no pointer has an empty one.
    empty_is_none = field.required or (field.type == "int-or-string" and not field.pointer)
    return found.filter(bool) if empty_is_none else found


def unions(field: Field, depth: int) -> st.SearchStrategy[Any] | None:
    """A schema or something else."""
    start, found, name = field.ref.partition("JSONSchemaPropsOr")
    if not found:
        return None
    schema = trees(Field("object", ref=f"{start}JSONSchemaProps", schema=field.schema), depth)
    others = {"Bool": st.booleans(), "Array": st.lists(schema, max_size=2), "StringArray": st.lists(TEXTS, max_size=2)}
    return schema | others[name]


def trees(field: Field, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of a type: a few of its fields."""
    if depth > DEEPEST:
        return st.just({})
    fields = {name: below for name, below in field.definition.fields.items() if name not in ("apiVersion", "kind")}

    def some(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({name: values(fields[name], depth) for name in names})

    return st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True).flatmap(some) if fields else st.just({})


def objects(served: Served) -> st.SearchStrategy[tuple[Served, dict[str, Any]]]:
    """Objects of a kind in one of its versions."""
    return trees(CATALOGUE.definition(served.version).as_field).map(lambda tree: (served, tree))


def compact(value: Any) -> Any:
    """A value without empty lists and maps: protobuf has none."""
    if isinstance(value, dict):
        return {key: compact(item) for key, item in value.items() if item not in ([], None)}
    return [compact(item) for item in value] if isinstance(value, list) else value


def without_empty_maps(value: Any) -> Any:
    """The same without empty objects, of which protobuf keeps some only."""
    if isinstance(value, dict):
        kept = {key: without_empty_maps(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item != {}}
    return [without_empty_maps(item) for item in value] if isinstance(value, list) else value


def there_and_back(served: Served, tree: dict[str, Any]) -> dict[str, Any]:
    """What is left of an object after it was sent as protobuf."""
    message = message_of(*type_of(served))
    assert message
    return parse_protobuf(envelope.wrap(*type_of(served), encoder(message)(tree)))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(CURRENT).flatmap(objects))
def test_objects_come_back_as_they_went(case: tuple[Served, dict[str, Any]]) -> None:
    served, tree = case
    sent, _ = CATALOGUE.codec(served).read(tree)
    received, unknown = CATALOGUE.codec(served).read(there_and_back(served, sent))
    assert not unknown
    assert without_empty_maps(compact(received)) == without_empty_maps(compact(sent))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(EVERY).flatmap(objects))
def test_what_an_old_version_does_not_have_is_left_out_and_nothing_else_changes(
    case: tuple[Served, dict[str, Any]],
) -> None:
    served, tree = case
    sent, _ = CATALOGUE.codec(served).read(tree)
    once = there_and_back(served, sent)
    assert there_and_back(served, once) == once


def test_most_kinds_are_current() -> None:
    assert len(CURRENT) > 60


@pytest.mark.parametrize("served", EVERY, ids=lambda served: "/".join(type_of(served)))
def test_every_version_of_every_kind_has_a_message_and_one_for_its_lists(served: Served) -> None:
    message = message_of(*type_of(served))
    assert message
    assert messages.fields_of(message)[0].name in ("metadata", "conditions")
    if served.kind.is_stored:
        listed = message_of(served.version.api_version, served.kind.list_kind)
        assert listed
        metadata, items = messages.fields_of(listed)
        assert (metadata.number, metadata.name, items.number, items.name) == (1, "metadata", 2, "items")
        assert items.type == message


def test_nulls_are_left_out_and_names_may_come_in_any_order() -> None:
    write = encoder("io.k8s.api.core.v1.Pod")
    straight = {"metadata": {"name": "a", "uid": "u"}, "spec": {"nodeName": "n", "hostPID": True}}
    turned = {
        "spec": {"hostPID": True, "restartPolicy": None, "nodeName": "n"},
        "status": None,
        "metadata": {"uid": "u", "name": "a", "deletionTimestamp": None},
    }
    assert write(turned) == write(straight)
    with pytest.raises(TypeError):
        write({"spec": {"nodeName": 5}})


def test_the_envelope_is_that_of_upstream() -> None:
    sent = envelope.wrap("v1", "ConfigMap", b"\x0a\x00")
    assert sent == b"k8s\x00\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x02\x0a\x00\x1a\x00\x22\x00"
    event = b"\x0a\x05ADDED\x12" + bytes([len(sent) + 2]) + b"\x0a" + bytes([len(sent)]) + sent
    assert envelope.watch_frame("ADDED", sent) == len(event).to_bytes(4) + event


@cache
def golden() -> list[Path]:
    """What upstream's own encoder has made of objects with every field set, where its modules are."""
    go = which("go")
    if not go:
        return []
    modules = subprocess.run([go, "env", "GOMODCACHE"], check=True, capture_output=True, text=True).stdout.strip()
    return sorted(Path(modules).glob("k8s.io/api@v0.37.*/testdata/HEAD/*.pb"))


def test_bytes_are_those_of_upstream() -> None:
    if not golden():
        pytest.skip("needs the Go module k8s.io/api of this release")
    compared = 0
    for path in golden():
        tree = orjson.loads(path.with_suffix(".json").read_bytes())
        api_version, kind = tree.get("apiVersion", ""), tree.get("kind", "")
        if (message := message_of(api_version, kind)) is not None:
            sent = path.read_bytes()
            assert envelope.wrap(api_version, kind, encoder(message)(tree)) == sent, path.name
            assert parse_protobuf(sent) == tree, path.name
            compared += 1
    assert compared > 150
