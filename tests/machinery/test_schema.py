import pytest

from sampan.machinery.schema import Field, Schema, load, parse_type
from tests.machinery.sample import DEPLOYMENT

SPEC = "io.k8s.api.apps.v1.DeploymentSpec"


def test_fields_of_a_definition():
    spec = load().definition("io.k8s.api.core.v1.PodSpec")
    containers = spec.fields["containers"]
    assert containers.type == "array" and containers.items.ref == "io.k8s.api.core.v1.Container"
    assert containers.required and containers.merge_key == "name" and containers.patch_strategies == ("merge",)
    assert containers.list_type == "map" and containers.list_map_keys == ("name",)
    assert spec.fields["nodeSelector"].map_type == "atomic"
    assert spec.fields["volumes"].patch_strategies == ("merge", "retainKeys")
    assert spec.fields["terminationGracePeriodSeconds"].pointer and not spec.fields["hostNetwork"].pointer
    assert spec.fields["restartPolicy"].go_type == "v1.RestartPolicy"
    assert spec.fields["restartPolicy"].enum == ("Always", "Never", "OnFailure")
    assert spec.go_name == "PodSpec" and spec.go_type == "v1.PodSpec" and spec.required == ("containers",)


def test_every_definition_can_be_read_and_names_only_known_ones():
    schema = load()
    for name in schema.names():
        for field in schema.definition(name).fields.values():
            while field.items:
                field = field.items
            assert field.type != "object" or field.ref in schema


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("string", Field("string")),
        ("int32", Field("integer", format="int32")),
        ("[]quantity", Field("array", items=Field("quantity"))),
        ("{}[]string", Field("map", items=Field("array", items=Field("string")))),
        ("any(io.k8s.X)", Field("any", ref="io.k8s.X")),
        ("io.k8s.X", Field("object", ref="io.k8s.X")),
    ],
)
def test_the_type_language(text, field):
    assert parse_type(text) == field


def test_derived_definitions():
    schema = Schema(
        {SPEC: '{"fields":{"a":"string","b":{"type":"int32","pointer":true}},"required":["a"],"map":"atomic"}'}
    )
    derived = schema.derive("x.v1.Spec", SPEC, add={"a": "boolean", "c": "{}string"}, drop=("b",))
    assert derived is schema.definition("x.v1.Spec")
    assert set(derived.fields) == {"a", "c"} and derived.required == ("a",)
    assert derived.fields["a"].type == "boolean" and derived.map_type == "atomic" and derived.base == SPEC
    assert set(schema.definition(SPEC).fields) == {"a", "b"}


def test_a_definition_has_one_meaning():
    schema = Schema({SPEC: '{"fields":{}}'})
    schema.define("x.v1.New", {"revision": "int64"})
    schema.define("x.v1.New", {"revision": "int64"})
    with pytest.raises(ValueError, match="already defined"):
        schema.define("x.v1.New", {"revision": "string"})
    with pytest.raises(ValueError, match="in the data file"):
        schema.define(SPEC, {})
    with pytest.raises(KeyError):
        schema.definition(DEPLOYMENT)
