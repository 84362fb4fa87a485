"""Definitions in OpenAPI: what kubectl explain and client-side validation read."""

import asyncio

import orjson

from tests.apiserver.extensions.crontabs import DEFINITIONS, NAME, definition, established, version
from tests.apiserver.harness import API

TYPE = "com.example.stable.v1.CronTab"
PLACE = "apis/stable.example.com/v1"


async def url(api: API, place: str) -> str:
    return str((await api.get("/openapi/v3"))["paths"][place]["serverRelativeURL"])


async def test_a_definition_is_published_and_taken_back(api: API) -> None:
    assert PLACE not in (await api.get("/openapi/v3"))["paths"]
    await established(api, definition(version(subresources={"status": {}})))
    document = await api.get(f"/openapi/v3/{PLACE}")
    spec = document["components"]["schemas"][TYPE]["properties"]["spec"]
    assert spec["properties"]["replicas"] == {"type": "integer", "minimum": 1, "maximum": 10, "default": 1}
    assert spec["required"] == ["cronSpec"]
    kinds = document["components"]["schemas"][TYPE]["x-kubernetes-group-version-kind"]
    assert kinds == [{"group": "stable.example.com", "kind": "CronTab", "version": "v1"}]
    assert document["components"]["schemas"][TYPE + "List"]["properties"]["items"]["items"]["$ref"].endswith(TYPE)
    base = "/apis/stable.example.com/v1/namespaces/{namespace}/crontabs"
    assert {base, base + "/{name}", base + "/{name}/status"} <= set(document["paths"])
    assert TYPE in (await api.get("/openapi/v2"))["definitions"]
    await api.call("DELETE", f"{DEFINITIONS}/{NAME}")
    async with api.watch(DEFINITIONS) as events:
        async for event in events:
            if event["type"] == "DELETED":
                break
    assert (await api.call("GET", f"/openapi/v3/{PLACE}")).status == 404
    assert TYPE not in (await api.get("/openapi/v2"))["definitions"]


async def test_urls_change_with_what_they_lead_to_and_with_nothing_else(api: API) -> None:
    made = await established(api, definition())
    apps, crontabs = await url(api, "apis/apps/v1"), await url(api, PLACE)
    before = (await api.call("GET", "/openapi/v2")).headers["etag"]
    properties = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties["more"] = {"type": "string"}
    await api.call("PUT", f"{DEFINITIONS}/{NAME}", made)
    assert await url(api, "apis/apps/v1") == apps
    assert await url(api, PLACE) != crontabs
    assert (await api.call("GET", "/openapi/v2")).headers["etag"] != before
    document = await api.get(f"/openapi/v3/{PLACE}")
    assert "more" in document["components"]["schemas"][TYPE]["properties"]["spec"]["properties"]


async def test_many_who_ask_at_once_are_served_by_one_making(api: API) -> None:
    made = []
    documents = api.server.openapi._documents
    make = documents.v2
    documents.v2 = lambda: made.append(1) or make()  # type: ignore[method-assign, func-returns-value]
    answers = await asyncio.gather(*(api.call("GET", "/openapi/v2") for _ in range(5)))
    assert len(made) == 1 and len({orjson.dumps(answer.body) for answer in answers}) == 1
    assert (await api.call("GET", "/openapi/v2", headers={"if-none-match": answers[0].headers["etag"]})).status == 304


async def test_kubectl_is_told_which_patches_a_kind_understands(api: API) -> None:
    """kubectl apply sends a strategic merge patch wherever one is listed; custom resources refuse it."""
    await established(api, definition(version(subresources={"status": {}})))
    apps = "apis/apps/v1"
    accepted = {place: await patches(api, place) for place in (PLACE, apps)}
    others = {"application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"}
    assert accepted == {PLACE: others, apps: others | {"application/strategic-merge-patch+json"}}


async def patches(api: API, place: str) -> set[str]:
    """The media types of every PATCH of a group and version."""
    paths = (await api.get(f"/openapi/v3/{place}"))["paths"].values()
    return {type for path in paths if "patch" in path for type in path["patch"]["requestBody"]["content"]}
