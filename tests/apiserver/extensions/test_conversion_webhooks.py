"""Custom resources whose versions a webhook converts, with a real server: v1 has hostPort, v2 has host and port."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sampan.apiserver.extensions import conversion
from tests.apiserver.extensions.crontabs import DEFINITIONS, NAME, definition, established, until, version
from tests.apiserver.harness import API
from tests.apiserver.hook_server import HookServer, serving

V1, V2 = (f"/apis/stable.example.com/{name}/namespaces/default/crontabs" for name in ("v1", "v2"))
Object = dict[str, Any]
TEXT = {"type": "string"}


@pytest.fixture
async def hooks() -> AsyncIterator[HookServer]:
    """A webhook's server."""
    async with serving() as server:
        server.answers["/convert"] = convert
        yield server


def schema(*fields: str) -> Object:
    return {"type": "object", "properties": dict.fromkeys(fields, TEXT)}


def converted(obj: Object, to: str) -> Object:
    """One object in the other version."""
    changed = {**obj, "apiVersion": to}
    if to.endswith("v2"):
        changed["host"], _, changed["port"] = changed.pop("hostPort").partition(":")
    else:
        changed["hostPort"] = f"{changed.pop('host')}:{changed.pop('port')}"
    return changed


def reply(review: Object, objects: list[Object], **response: Any) -> Object:
    said = {"uid": review["request"]["uid"], "convertedObjects": objects, "result": {"status": "Success"}, **response}
    return {"kind": review["kind"], "apiVersion": review["apiVersion"], "response": said}


def convert(review: Object) -> Object:
    """The good webhook."""
    request = review["request"]
    return reply(review, [converted(obj, request["desiredAPIVersion"]) for obj in request["objects"]])


def spoken(hooks: HookServer, *, stored: str = "v1", **more: Any) -> Object:
    """The definition."""
    webhook = {"clientConfig": hooks.client_config("/convert"), "conversionReviewVersions": ["v1"]}
    return definition(
        version("v1", stored=stored == "v1", schema=schema("hostPort"), **more.pop("v1", {})),
        version("v2", stored=stored == "v2", schema=schema("host", "port"), **more.pop("v2", {})),
        conversion={"strategy": "Webhook", "webhook": webhook},
        **more,
    )


def old(name: str, host_port: str) -> Object:
    meta = {"name": name}
    return {"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": meta, "hostPort": host_port}


def new(name: str, host: str, port: str) -> Object:
    meta = {"name": name}
    return {"apiVersion": "stable.example.com/v2", "kind": "CronTab", "metadata": meta, "host": host, "port": port}


async def test_each_version_sees_its_own_form(api: API, hooks: HookServer) -> None:
    await established(api, spoken(hooks))
    made = await api.create(V1, old("a", "localhost:1234"))
    seen = await api.get(f"{V2}/a")
    assert (seen["host"], seen["port"], "hostPort" in seen) == ("localhost", "1234", False)
    assert seen["metadata"]["uid"] == made["metadata"]["uid"]
    changed = await api.patch(f"{V2}/a", {"port": "80"})
    assert (changed.status, changed.body["port"]) == (200, "80")
    assert (await api.get(f"{V1}/a"))["hostPort"] == "localhost:80"
    await api.create(V2, new("b", "example.com", "443"))
    assert (await api.get(f"{V1}/b"))["hostPort"] == "example.com:443"


async def test_lists_of_what_lies_in_both_versions(api: API, hooks: HookServer) -> None:
    await established(api, spoken(hooks))
    await api.create(V1, old("a", "localhost:1"))
    stored = [{"op": "replace", "path": f"/spec/versions/{i}/storage", "value": i == 1} for i in (0, 1)]
    assert (await api.patch(f"{DEFINITIONS}/{NAME}", stored, "json-patch")).status == 200
    await until(api, NAME, lambda found: found["status"]["storedVersions"] == ["v1", "v2"])
    await api.create(V1, old("b", "localhost:2"))
    hooks.asked.clear()
    listed = await api.get(V2)
    assert [(item["apiVersion"], item["port"]) for item in listed["items"]] == [
        ("stable.example.com/v2", "1"),
        ("stable.example.com/v2", "2"),
    ]
    assert [item["metadata"]["name"] for item in hooks.requests("/convert")[0]["objects"]] == ["a"]
    assert [item["hostPort"] for item in (await api.get(V1))["items"]] == ["localhost:1", "localhost:2"]


async def test_watches(api: API, hooks: HookServer) -> None:
    await established(api, spoken(hooks))
    await api.create(V1, old("a", "localhost:1"))
    async with api.watch(V2, query={"resourceVersion": "0"}) as events:
        first = await anext(events)
        await api.patch(f"{V1}/a", {"hostPort": "localhost:2"})
        second = await anext(events)
        await api.call("DELETE", f"{V1}/a")
        third = await anext(events)
    assert [(one["type"], one["object"]["port"]) for one in (first, second, third)] == [
        ("ADDED", "1"),
        ("MODIFIED", "2"),
        ("DELETED", "2"),
    ]


async def test_fields_are_selected_in_the_version_of_the_request(api: API, hooks: HookServer) -> None:
    by_host = {"selectableFields": [{"jsonPath": ".host"}]}
    await established(api, spoken(hooks, v1={"selectableFields": [{"jsonPath": ".hostPort"}]}, v2=by_host))
    await api.create(V1, old("a", "one:1"))
    await api.create(V2, new("b", "two", "2"))
    found = await api.get(V2, query={"fieldSelector": "host=one"})
    assert [item["metadata"]["name"] for item in found["items"]] == ["a"]
    found = await api.get(V1, query={"fieldSelector": "hostPort=two:2"})
    assert [item["metadata"]["name"] for item in found["items"]] == ["b"]
    assert (await api.call("GET", V1, query={"fieldSelector": "host=one"})).status == 400
    async with api.watch(V2, query={"resourceVersion": "0", "fieldSelector": "host=one"}) as events:
        assert (await anext(events))["type"] == "ADDED"
        await api.patch(f"{V1}/a", {"hostPort": "other:1"})
        left = await anext(events)
    assert (left["type"], left["object"]["metadata"]["name"]) == ("DELETED", "a")


def spoilt(change: Any) -> Any:
    """A webhook that spoils what the good one makes."""

    def answer(review: Object) -> Object:
        made = [converted(obj, review["request"]["desiredAPIVersion"]) for obj in review["request"]["objects"]]
        return reply(review, [change(obj) for obj in made])

    return answer


def renamed(obj: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "name": "other"}}


FAILED = "conversion webhook for stable.example.com/v1, Kind=CronTab failed: "
INVALID = "conversion webhook for stable.example.com/v1, Kind=CronTab returned invalid converted object at index 0: "
BAD = [
    (lambda review: reply(review, [], uid="x"), f'{FAILED}expected response.uid="'),
    (lambda review: reply(review, []), "Kind=CronTab returned 0 objects, expected 1"),
    (lambda review: reply(review, [], result={"status": "Failure", "message": "cannot"}), f"{FAILED}cannot"),
    (lambda review: reply(review, [], result="?"), f"{FAILED}response.result or"),
    (lambda review: reply(review, {}, result={}), f"{FAILED}response.result.status was '', not 'Success'"),
    (lambda review: {**reply(review, []), "kind": "Other"}, f"{FAILED}expected webhook response of apiextensions"),
    (lambda review: {"kind": review["kind"], "apiVersion": review["apiVersion"]}, f"{FAILED}no response provided"),
    (lambda review: {"raw": b"["}, f"{FAILED}the answer is no JSON"),
    (lambda review: {"raw": b"sorry", "code": 503}, f'{FAILED}an error on the server ("sorry") has prevented'),
    (spoilt(lambda obj: 5), f"{INVALID}missing metadata in converted object"),
    (spoilt(lambda obj: {**obj, "kind": "Other"}), f"{INVALID}invalid kind (expected CronTab, received Other)"),
    (spoilt(lambda obj: {**obj, "apiVersion": "v1"}), f"{INVALID}invalid groupVersion (expected stable.example.com/v2"),
    (spoilt(renamed), f"{INVALID}must have the same name: a != other"),
]


@pytest.mark.parametrize(("bad", "why"), BAD)
async def test_bad_answers(api: API, hooks: HookServer, bad: Any, why: str) -> None:
    await established(api, spoken(hooks))
    await api.create(V1, old("a", "localhost:1"))
    hooks.answers["/convert"] = bad
    for path in (f"{V2}/a", V2):
        failed = await api.call("GET", path)
        assert (failed.status, "reason" in failed.body) == (500, False)
        assert why in failed.body["message"]
    hooks.answers["/convert"] = convert
    assert (await api.get(f"{V2}/a"))["port"] == "1"


async def test_a_watch_that_cannot_go_on_says_so(api: API, hooks: HookServer) -> None:
    await established(api, spoken(hooks))
    await api.create(V1, old("a", "localhost:1"))
    async with api.watch(V2, query={"resourceVersion": "0"}) as events:
        await anext(events)
        hooks.answers["/convert"] = lambda review: {"raw": b"sorry", "code": 500}
        await api.patch(f"{V1}/a", {"hostPort": "localhost:2"})
        error = await anext(events)
    assert error["type"] == "ERROR" and error["object"]["message"].startswith(FAILED)


async def test_a_slow_webhook(api: API, hooks: HookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "_TIMEOUT", 0.01)
    await established(api, spoken(hooks))
    await api.create(V1, old("a", "localhost:1"))
    hooks.answers["/convert"] = hooks.hang
    failed = await api.call("GET", f"{V2}/a")
    url = f"https://127.0.0.1:{hooks.port}/convert"
    assert failed.body["message"] == f'{FAILED}Post "{url}": context deadline exceeded'
    assert (await api.get(f"{V1}/a"))["hostPort"] == "localhost:1"
