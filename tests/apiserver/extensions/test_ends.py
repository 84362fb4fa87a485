"""Definitions that serve nothing, or stand in the place of others: they harm nobody, and leave nothing behind."""

import asyncio
from typing import Any

import pytest

from sampan.apiserver.extensions import follow
from sampan.apiserver.nonresource import table
from tests.apiserver.extensions.crontabs import (
    CRONTABS,
    DEFINITIONS,
    NAME,
    condition,
    crontab,
    definition,
    established,
    until,
    version,
)
from tests.apiserver.harness import API

INGRESSES = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
UNSERVED = {"spec": {"versions": [{**version(), "served": False}]}}


async def deleted(api: API, name: str) -> str:
    """Delete a definition, wait until it is gone, and tell with which reason."""
    reason = ""
    async with api.watch(DEFINITIONS) as events:
        await api.call("DELETE", f"{DEFINITIONS}/{name}")
        async for event in events:
            if event["object"]["metadata"]["name"] == name:
                reason = condition(event["object"], "Terminating").get("reason", "")
                if event["type"] == "DELETED":
                    break
    return reason


def colliding(api_version: str, plural: str, kind: str) -> Any:
    """A definition in a built-in group."""
    body = definition(version(api_version), plural=plural, kind=kind, group="networking.k8s.io")
    approval = {"api-approved.kubernetes.io": "unapproved, for a test"}
    return {**body, "metadata": {"name": f"{plural}.networking.k8s.io", "annotations": approval}}


async def test_a_definition_may_serve_no_version_and_takes_its_objects_along_all_the_same(api: API) -> None:
    await established(api, definition())
    await api.create(CRONTABS, crontab())
    await api.patch(f"{DEFINITIONS}/{NAME}", UNSERVED)
    assert (await api.call("GET", CRONTABS)).status == 404
    assert await deleted(api, NAME) == "InstanceDeletionCompleted"
    await established(api, definition())
    assert (await api.get(CRONTABS))["items"] == []


async def test_objects_are_served_again_when_their_version_is(api: API) -> None:
    made = await established(api, definition())
    await api.create(CRONTABS, crontab())
    await api.patch(f"{DEFINITIONS}/{NAME}", UNSERVED)
    await api.patch(f"{DEFINITIONS}/{NAME}", {"spec": made["spec"]})
    found = await api.get(CRONTABS + "/my")
    assert (found["kind"], found["apiVersion"]) == ("CronTab", "stable.example.com/v1")


async def test_a_plural_that_no_path_can_name_is_deleted_all_the_same(api: API) -> None:
    body = definition(plural="watch", kind="Watch", scope="Cluster")
    await established(api, body)
    made = await api.call("POST", "/apis/stable.example.com/v1/watch", {})
    assert made.status == 400  # "watch" stands for the old way of watching here
    assert await deleted(api, "watch.stable.example.com") == "InstanceDeletionCompleted"


async def test_what_is_built_in_stays_where_a_definition_claims_its_place(api: API) -> None:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    await api.create(INGRESSES, {"metadata": {"name": "web"}, "spec": {"defaultBackend": backend}})
    for api_version in ("v1", "v9"):
        await established(api, colliding(api_version, "ingresses", "Ingress"))
        assert (await api.call("GET", INGRESSES.replace("v1", "v9"))).status == 404
        assert await deleted(api, "ingresses.networking.k8s.io") == "OverlappingBuiltInResource"
        assert [item["metadata"]["name"] for item in (await api.get(INGRESSES))["items"]] == ["web"]


async def test_a_built_in_kind_keeps_its_name(api: API) -> None:
    await established(api, colliding("v1", "foos", "Ingress"))
    served = api.server.services.catalogue.by_kind["networking.k8s.io/v1", "Ingress"]
    assert served.kind.plural == "ingresses"
    assert (await api.get("/apis/networking.k8s.io/v1/foos"))["kind"] == "IngressList"


async def test_a_definition_that_makes_no_kind_harms_itself_only(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    make = follow.custom_kind

    def failing(body: Any, *arguments: Any, **options: Any) -> Any:
        if body["spec"]["names"]["kind"] == "Bad":
            raise RecursionError("too deep")
        return make(body, *arguments, **options)

    monkeypatch.setattr(follow, "custom_kind", failing)
    await established(api, definition(plural="bads", kind="Bad"))
    await established(api, definition())
    await api.create(CRONTABS, crontab())
    assert (await api.call("GET", CRONTABS.replace("crontabs", "bads"))).status == 404


async def test_a_change_of_status_makes_no_new_catalogue(api: API) -> None:
    await established(api, definition())
    before = api.server.services.catalogue
    accepted = {"status": {"storedVersions": ["v1", "v1"]}}
    await api.patch(f"{DEFINITIONS}/{NAME}/status", accepted)
    assert api.server.services.catalogue is before
    await until(api, NAME, lambda found: found["status"]["storedVersions"] == ["v1", "v1"])


async def test_discovery_is_made_when_it_is_asked_for(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hundreds of definitions come at once, nobody could look at all the states in between."""
    made, make = [], table.discovery_paths

    def counted(*arguments: Any) -> Any:
        made.append(arguments)
        return make(*arguments)

    monkeypatch.setattr(table, "discovery_paths", counted)
    await established(api, definition())
    await established(api, definition(plural="others", kind="Other"))
    assert not made
    for path in ("/apis", "/apis/stable.example.com/v1", "/"):
        await api.get(path)
    assert len(made) == 1


async def test_who_watches_learns_of_new_fields(api: API) -> None:
    made = await established(api, definition())
    await api.create(CRONTABS, crontab())
    async with api.watch(CRONTABS) as events:
        assert (await anext(events))["type"] == "ADDED"
        schema = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        schema["properties"]["more"] = {"type": "string"}
        await api.patch(f"{DEFINITIONS}/{NAME}", {"spec": made["spec"]})
        assert [event async for event in events] == []
    async with api.watch(CRONTABS) as events:
        assert (await anext(events))["type"] == "ADDED"
        await api.patch(CRONTABS + "/my", {"spec": {"more": "x"}})
        assert (await anext(events))["object"]["spec"]["more"] == "x"


async def test_nothing_that_was_under_way_is_left_behind(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    await established(api, definition())
    reached, gone = asyncio.Event(), asyncio.Event()
    validate = api.server.services.admission.validate

    async def slow(services: Any, admission: Any) -> None:
        if admission.call.info.resource == "crontabs":
            reached.set()
            await gone.wait()
        await validate(services, admission)

    monkeypatch.setattr(api.server.services.admission, "validate", slow)
    late = asyncio.create_task(api.call("POST", CRONTABS, crontab()))
    await reached.wait()
    await deleted(api, NAME)
    gone.set()
    assert (await late).status == 404
    await established(api, definition())
    assert (await api.get(CRONTABS))["items"] == []
