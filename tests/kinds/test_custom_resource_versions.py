"""CustomResourceDefinition: v1beta1 and v1 are two views of one value."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.kinds.definitions import (
    OLD,
    SHIRT,
    STRING,
    V1,
    crd,
    version,
)
from tests.kinds.write import (
    CATALOGUE,
    create_errors,
    created,
    encoded,
)


def old_crd(**spec: Any) -> dict[str, Any]:
    names = {"plural": "foos", "kind": "Foo"}
    return {
        "apiVersion": OLD,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "foos.example.com"},
        "spec": {"group": "example.com", "names": names, **spec},
    }


def test_a_definition_of_2017_is_accepted() -> None:
    made = created(old_crd(version="v1"))
    assert create_errors(old_crd(version="v1")) == []
    assert made["apiVersion"] == V1
    assert made["spec"]["versions"] == [{"name": "v1", "served": True, "storage": True}]
    assert (made["spec"]["scope"], made["spec"]["preserveUnknownFields"]) == ("Namespaced", True)
    assert made["status"]["storedVersions"] == ["v1"]


def test_what_stands_beside_the_versions_counts_for_all() -> None:
    versions = [{"name": name, "served": True, "storage": name == "v2"} for name in ("v1", "v2")]
    column = {"name": "Age", "type": "date", "JSONPath": ".metadata.creationTimestamp"}
    client = {"service": {"namespace": "a", "name": "b"}}
    manifest = old_crd(
        versions=versions,
        validation={"openAPIV3Schema": SHIRT},
        subresources={"status": {}},
        additionalPrinterColumns=[column],
        preserveUnknownFields=False,
        conversion={"strategy": "Webhook", "webhookClientConfig": client},
    )
    made = created(manifest)
    assert create_errors(manifest) == []
    assert [one["schema"]["openAPIV3Schema"] for one in made["spec"]["versions"]] == [SHIRT, SHIRT]
    assert made["spec"]["versions"][1]["additionalPrinterColumns"][0]["jsonPath"] == column["JSONPath"]
    assert made["spec"]["conversion"]["webhook"] == {
        "clientConfig": {"service": {"namespace": "a", "name": "b", "port": 443}},
        "conversionReviewVersions": ["v1beta1"],
    }
    assert "preserveUnknownFields" not in made["spec"]
    back = encoded(OLD, made)["spec"]
    assert back["validation"] == {"openAPIV3Schema": SHIRT}
    assert back["additionalPrinterColumns"] == [column]
    assert back["versions"] == versions
    assert back["version"] == "v1"


NODES = st.recursive(
    st.sampled_from([STRING, {"type": "integer", "minimum": 1.0}, {"x-kubernetes-int-or-string": True}]),
    lambda inner: st.one_of(
        inner.map(lambda node: {"type": "array", "items": node}),
        inner.map(lambda node: {"type": "object", "additionalProperties": node}),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(
            lambda fields: {"type": "object", "properties": fields}
        ),
    ),
    max_leaves=8,
)
VERSIONS = st.lists(st.tuples(NODES, st.booleans(), st.sampled_from([None, {"status": {}}])), min_size=1, max_size=3)


@given(VERSIONS)
def test_v1_through_v1beta1_and_back_is_the_same(given_versions: list[Any]) -> None:
    versions = [
        version(f"v{index}", {"type": "object", "properties": {"spec": node}}, storage=index == 0, served=is_served)
        | ({"subresources": subresources} if subresources else {})
        for index, (node, is_served, subresources) in enumerate(given_versions)
    ]
    manifest = crd(*versions)
    made = created(manifest)
    assert create_errors(manifest) == []
    codec = CATALOGUE.codec(CATALOGUE.by_kind[OLD, "CustomResourceDefinition"])
    assert codec.to_storage(codec.encode(made)) == made
