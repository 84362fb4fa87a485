"""LIST: selectors, pages, resource versions, and the forms it can be had in."""

from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from sampan.transport.messages import Request
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


@pytest.fixture
async def five(api: API) -> API:
    """ConfigMaps a to e; the vowels are labelled so."""
    for name in "abcde":
        body = config_map(name)
        body["metadata"]["labels"] = {"vowel": str(name in "ae").lower()}
        await api.create(CONFIG_MAPS, body)
    return api


def names(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


async def test_items_carry_no_type(five: API) -> None:
    answer = await five.get(CONFIG_MAPS)
    assert (answer["kind"], answer["apiVersion"]) == ("ConfigMapList", "v1")
    assert names(answer) == list("abcde")
    assert not {"kind", "apiVersion"} & set(answer["items"][0])
    assert all(item["metadata"]["resourceVersion"] for item in answer["items"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"labelSelector": "vowel=true"}, "ae"),
        ({"labelSelector": "vowel in (true),!other"}, "ae"),
        ({"labelSelector": "vowel!=true"}, "bcd"),
        ({"fieldSelector": "metadata.name=c"}, "c"),
        ({"fieldSelector": "metadata.name!=c"}, "abde"),
        ({"fieldSelector": "metadata.name=c", "labelSelector": "vowel=true"}, ""),
        ({"fieldSelector": "metadata.namespace=default"}, "abcde"),
    ],
)
async def test_selectors(five: API, query: dict[str, str], expected: str) -> None:
    assert names(await five.get(CONFIG_MAPS, query=query)) == list(expected)


@pytest.mark.parametrize(
    "query",
    [
        {"labelSelector": "a in b"},
        {"labelSelector": "a=b=c"},
        {"fieldSelector": "spec.x=1"},
        {"fieldSelector": "nothing"},
        {"limit": "x"},
        {"limit": "9" * 300},
        {"limit": str(2**63)},
        {"limit": " 1"},
        {"timeoutSeconds": "1_0"},
        {"continue": "x"},
        {"continue": "e30"},
    ],
)
async def test_bad_queries(five: API, query: dict[str, str]) -> None:
    answer = await five.call("GET", CONFIG_MAPS, query=query)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


async def test_pages_are_of_one_moment(five: API) -> None:
    first = await five.get(CONFIG_MAPS, query={"limit": "2"})
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    await five.call("DELETE", f"{CONFIG_MAPS}/d")
    await five.create(CONFIG_MAPS, config_map("bb"))
    second = await five.get(CONFIG_MAPS, query={"limit": "2", "continue": first["metadata"]["continue"]})
    assert names(second) == ["c", "d"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    last = await five.get(CONFIG_MAPS, query={"limit": "2", "continue": second["metadata"]["continue"]})
    assert names(last) == ["e"]
    assert "continue" not in last["metadata"]


async def test_pages_of_a_selection(five: API) -> None:
    first = await five.get(CONFIG_MAPS, query={"limit": "2", "labelSelector": "vowel=false"})
    assert names(first) == ["b", "c"]
    assert "remainingItemCount" not in first["metadata"]
    query = {"limit": "2", "labelSelector": "vowel=false", "continue": first["metadata"]["continue"]}
    assert names(await five.get(CONFIG_MAPS, query=query)) == ["d"]


async def test_expired_pages_say_how_to_go_on(five: API) -> None:
    first = await five.get(CONFIG_MAPS, query={"limit": "2"})
    await five.call("DELETE", f"{CONFIG_MAPS}/d")
    await five.server.config.store.compact(five.server.config.store.revision)
    expired = await five.call("GET", CONFIG_MAPS, query={"limit": "2", "continue": first["metadata"]["continue"]})
    assert (expired.status, expired.body["reason"]) == (410, "Expired")
    rest = await five.get(CONFIG_MAPS, query={"continue": expired.body["metadata"]["continue"]})
    assert names(rest) == ["c", "e"]


async def test_resource_versions(five: API) -> None:
    before = (await five.get(CONFIG_MAPS))["metadata"]["resourceVersion"]
    await five.call("DELETE", f"{CONFIG_MAPS}/a")
    exact = await five.get(CONFIG_MAPS, query={"resourceVersion": before, "resourceVersionMatch": "Exact"})
    assert (names(exact), exact["metadata"]["resourceVersion"]) == (list("abcde"), before)
    query = {"resourceVersion": before, "resourceVersionMatch": "NotOlderThan"}
    assert names(await five.get(CONFIG_MAPS, query=query)) == list("bcde")
    assert names(await five.get(CONFIG_MAPS, query={"resourceVersion": "0"})) == list("bcde")
    bad = await five.call("GET", CONFIG_MAPS, query={"resourceVersionMatch": "Exact"})
    assert "resourceVersionMatch is forbidden unless resourceVersion is provided" in bad.body["message"]
    assert (await five.call("GET", CONFIG_MAPS, query={"resourceVersion": "x"})).status == 422


async def test_table(api: API) -> None:
    await api.service_account()
    await api.create(PODS, pod("p"))
    table = await api.get(PODS, accept=TABLE)
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [c["name"] for c in table["columnDefinitions"]][:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
    row = table["rows"][0]
    assert row["cells"][:3] == ["p", "0/1", "Pending"]
    assert (row["object"]["kind"], row["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "p")
    whole = await api.get(f"{PODS}/p", accept=TABLE, query={"includeObject": "Object"})
    assert whole["rows"][0]["object"]["spec"]["containers"][0]["image"] == "busybox"
    bad = await api.call("GET", PODS, accept=TABLE, query={"includeObject": "x"})
    assert bad.status == 400


async def test_metadata_only(five: API) -> None:
    one = await five.get(f"{CONFIG_MAPS}/a", accept=PARTIAL)
    assert set(one) == {"kind", "apiVersion", "metadata"}
    many = await five.get(CONFIG_MAPS, accept=PARTIAL.replace("Metadata", "MetadataList"))
    assert many["kind"] == "PartialObjectMetadataList"
    assert {item["kind"] for item in many["items"]} == {"PartialObjectMetadata"}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/vnd.kubernetes.protobuf,application/json", "application/vnd.kubernetes.protobuf"),
        ("application/json;as=Unknown;v=v1;g=meta.k8s.io, application/json", "application/json"),
        ("application/json;q=0.5, application/yaml", "application/yaml"),
        ("*/*", "application/json"),
    ],
)
async def test_negotiation(five: API, accept: str, content_type: str) -> None:
    answer = await five.call("GET", CONFIG_MAPS, accept=accept)
    assert (answer.status, answer.headers["content-type"]) == (200, content_type)


@pytest.mark.parametrize("accept", ["application/cbor", "text/html", "application/json;as=X;v=v1;g=y"])
async def test_nothing_acceptable(five: API, accept: str) -> None:
    answer = await five.call("GET", CONFIG_MAPS, accept=accept)
    assert (answer.status, answer.body["reason"]) == (406, "NotAcceptable")


@pytest.mark.parametrize(
    ("agent", "query", "indented"),
    [
        ("curl/8.5.0", {}, True),
        ("curl/8.5.0", {"pretty": "false"}, False),
        ("kubectl/v1.33.1", {}, False),
        ("kubectl/v1.33.1", {"pretty": "true"}, True),
    ],
)
@pytest.mark.parametrize("path", [CONFIG_MAPS, f"{CONFIG_MAPS}/a", f"{CONFIG_MAPS}/none", "/api"])
async def test_people_get_indented_json(
    five: API, agent: str, query: dict[str, str], indented: bool, path: str
) -> None:
    headers = {"user-agent": agent, "authorization": "Bearer admin"}
    raw = await five.raw(Request("GET", path, urlencode(query), headers, raw_path=path))
    assert (b"".join([raw.body, *raw.chunks]).startswith(b'{\n  "kind"')) == indented


async def test_yaml_both_ways(api: API) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: both}\ndata: {a: 'on'}\n"
    answer = await api.call("POST", CONFIG_MAPS, text, content_type="application/yaml", accept="application/yaml")
    assert answer.status == 201, answer
    assert yaml.safe_load(answer.body)["data"] == {"a": "on"}


async def test_old_versions_are_views_of_the_same_object(api: API) -> None:
    await api.create(DEPLOYMENTS, deployment("web"))
    old = "/apis/extensions/v1beta1/namespaces/default/deployments"
    answer = await api.call("GET", old)
    assert answer.body["items"][0]["metadata"]["name"] == "web"
    [warning] = answer.warnings
    assert warning == (
        '299 - "extensions/v1beta1 Deployment was removed from Kubernetes in 1.16; served by Sampan; '
        'use apps/v1 Deployment"'
    )
    endpoints = await api.call("GET", "/api/v1/namespaces/default/endpoints")
    assert endpoints.warnings == ['299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"']
    one = await api.get("/apis/apps/v1beta2/namespaces/default/deployments/web")
    assert one["apiVersion"] == "apps/v1beta2"
    assert one["metadata"]["resourceVersion"] == answer.body["items"][0]["metadata"]["resourceVersion"]


async def test_one_name_is_listed_as_of_a_revision_like_many(five: API) -> None:
    before = (await five.get(CONFIG_MAPS))["metadata"]["resourceVersion"]
    await five.call("DELETE", f"{CONFIG_MAPS}/a")
    one = {"fieldSelector": "metadata.name=a"}
    exact = {"resourceVersion": before, "resourceVersionMatch": "Exact"}
    assert names(await five.get(CONFIG_MAPS, query=one | exact)) == ["a"]
    assert names(await five.get(CONFIG_MAPS, query=one | {"limit": "1"})) == []
    first = await five.get(CONFIG_MAPS, query={"limit": "1"})
    rest = {"continue": first["metadata"]["continue"], "fieldSelector": "metadata.name=b"}
    assert names(await five.get(CONFIG_MAPS, query=rest)) == []


async def test_a_revision_that_has_not_happened(five: API, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sampan.apiserver.verbs.list._FRESHNESS_WAIT", 0.001)
    for selector in ("", "metadata.name=a"):
        query = {"resourceVersion": "999999", "fieldSelector": selector}
        answer = await five.call("GET", CONFIG_MAPS, query=query)
        assert (answer.status, answer.body["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")
