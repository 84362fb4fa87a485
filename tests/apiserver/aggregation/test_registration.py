"""The APIServices of what this server serves itself."""

from typing import Any

import pytest

from sampan.apiserver.aggregation.wanted import Step, builtin_api_services, custom_api_service, step
from sampan.kinds.registry import builtin_catalogue
from tests.apiserver.aggregation.backend import API_SERVICES, api_service, available
from tests.apiserver.extensions.crontabs import DEFINITIONS, definition, version
from tests.apiserver.extensions.crontabs import NAME as CRONTABS
from tests.apiserver.harness import API, registered

LABEL = "kube-aggregator.kubernetes.io/automanaged"
BUILTIN = builtin_api_services(builtin_catalogue())
CUSTOM = "v1.stable.example.com"


async def until(api: API, name: str, type: str) -> Any:
    """Wait for what happens to an APIService."""
    query = {"fieldSelector": f"metadata.name={name}"}
    async with api.watch(API_SERVICES, query=query) as events:
        async for event in events:
            if event["type"] == type:
                return event["object"]
    raise AssertionError("the watch ended")


def test_the_versions_that_upstream_shows_are_registered_with_its_numbers() -> None:
    apps, core = BUILTIN["v1.apps"], BUILTIN["v1."]
    numbers = {"groupPriorityMinimum": 17800, "versionPriority": 15}
    assert apps["spec"] == {"group": "apps", "version": "v1", **numbers}
    assert core["spec"] == {"version": "v1", "groupPriorityMinimum": 18000, "versionPriority": 1}
    assert apps["metadata"]["labels"] == {LABEL: "onstart"}
    hidden = ("v1beta1.extensions", "v1beta1.apps", "v1.apiregistration.k8s.io", "v1beta1.batch")
    assert not BUILTIN.keys() & set(hidden)


async def test_people_see_them(api: API) -> None:
    await registered(api)
    found = await api.get(f"{API_SERVICES}/v1.apps")
    condition = available(found)
    assert (condition["status"], condition["reason"]) == ("True", "Local")
    assert condition["message"] == "Local APIServices are always available"
    table = await api.get(API_SERVICES, accept="application/json;as=Table;g=meta.k8s.io;v=v1")
    row = next(row["cells"] for row in table["rows"] if row["cells"][0] == "v1.apps")
    assert row[:3] == ["v1.apps", "Local", "True"]


async def test_those_of_definitions_come_and_go_with_them(api: API) -> None:
    await api.create(DEFINITIONS, definition(version(), version("v2", stored=False)))
    made = await until(api, CUSTOM, "ADDED")
    assert (made["spec"]["groupPriorityMinimum"], made["spec"]["versionPriority"]) == (1000, 100)
    assert made["metadata"]["labels"] == {LABEL: "true"}
    await until(api, "v2.stable.example.com", "ADDED")
    await api.patch(
        f"{DEFINITIONS}/{CRONTABS}", {"spec": {"versions": [version(), version("v2", stored=False, served=False)]}}
    )
    async with api.watch(API_SERVICES, query={"resourceVersion": made["metadata"]["resourceVersion"]}) as events:
        names = [e["object"]["metadata"]["name"] async for e in _first(events, "DELETED")]
    assert names == ["v2.stable.example.com"]


async def _first(events: Any, type: str) -> Any:
    async for event in events:
        if event["type"] == type:
            yield event
            return


async def test_what_somebody_changed_in_one_of_a_definition_is_changed_back(api: API) -> None:
    await api.create(DEFINITIONS, definition())
    made = await until(api, CUSTOM, "ADDED")
    patched = await api.patch(f"{API_SERVICES}/{CUSTOM}", {"spec": {"versionPriority": 1}})
    query = {"resourceVersion": patched.body["metadata"]["resourceVersion"]}
    async with api.watch(API_SERVICES, query=query) as events:
        async for event in events:
            if event["object"]["metadata"]["name"] == CUSTOM:
                assert event["object"]["spec"] == made["spec"]
                return


MANAGED = {"metadata": {"labels": {LABEL: "true"}}, "spec": {"versionPriority": 1}}
ON_START = {"metadata": {"labels": {LABEL: "onstart"}}, "spec": {"versionPriority": 1}}
OWN = {"metadata": {}, "spec": {"versionPriority": 1}}
WANTED = {"metadata": {"labels": {LABEL: "true"}}, "spec": {"versionPriority": 2}}
WANTED_ONCE = {"metadata": {"labels": {LABEL: "onstart"}}, "spec": {"versionPriority": 2}}


@pytest.mark.parametrize(
    ("current", "wanted", "at_start", "done", "expected"),
    [
        (None, None, False, False, Step.NOTHING),
        (None, WANTED, False, True, Step.CREATE),
        (None, WANTED_ONCE, False, False, Step.CREATE),
        (None, WANTED_ONCE, True, True, Step.NOTHING),
        (OWN, WANTED, True, False, Step.NOTHING),
        (OWN, None, True, False, Step.NOTHING),
        (ON_START, WANTED_ONCE, True, False, Step.UPDATE),
        (ON_START, WANTED_ONCE, True, True, Step.NOTHING),
        (ON_START, WANTED_ONCE, False, False, Step.NOTHING),
        (ON_START, None, True, False, Step.DELETE),
        (ON_START, None, False, False, Step.NOTHING),
        (MANAGED, WANTED, False, True, Step.UPDATE),
        (MANAGED, MANAGED, False, True, Step.NOTHING),
        (MANAGED, None, False, True, Step.DELETE),
    ],
)
def test_who_keeps_what(current: Any, wanted: Any, at_start: bool, done: bool, expected: Step) -> None:
    assert step(current, wanted, at_start=at_start, done=done) is expected


def test_a_version_that_is_not_served_has_none() -> None:
    dormant = definition(version(), version("v2", stored=False, served=False))
    assert custom_api_service(("stable.example.com", "v2"), [dormant]) is None
    made = custom_api_service(("stable.example.com", "v1"), [dormant])
    assert made is not None
    assert made["metadata"]["name"] == CUSTOM


async def test_somebodys_own_api_service_wins_over_a_definition(api: API) -> None:
    own = api_service(443, group="stable.example.com", version="v1")
    await api.create(API_SERVICES, own)
    await api.create(DEFINITIONS, definition(version(), version("v2", stored=False)))
    await until(api, "v2.stable.example.com", "ADDED")
    kept = await api.get(f"{API_SERVICES}/{CUSTOM}")
    assert kept["spec"]["service"]["name"] == "sample"
    assert "labels" not in kept["metadata"]
    answer = await api.call("GET", "/apis/stable.example.com/v1/namespaces/default/crontabs")
    assert (answer.status, answer.body) == (503, b"service unavailable\n")
