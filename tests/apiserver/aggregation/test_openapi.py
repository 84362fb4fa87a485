"""OpenAPI of what other servers have, beside our own."""

import asyncio
import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sampan.machinery.openapi_merging import fragment, merge
from tests.apiserver.aggregation.backend import (
    API_SERVICES,
    NAME,
    PLACE,
    SPEC,
    Backend,
    front,
    register,
)
from tests.apiserver.harness import API

FLUNDER, META = "com.example.wardle.v1alpha1.Flunder", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
PATH = f"{PLACE}/namespaces/{{namespace}}/flunders"
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


@pytest.fixture
async def api(sample: Backend) -> AsyncIterator[API]:
    async with front() as api:
        await register(api, sample.port)
        yield api


async def until_indexed(api: API, there: bool = True) -> Any:
    """Wait until the index of version 3 has, or has not, the backend's document; the index."""
    while True:
        paths = (await api.get("/openapi/v3"))["paths"]
        if (PLACE.strip("/") in paths) is there:
            return paths
        await asyncio.sleep(0)


async def test_version_3_is_linked_and_passed_on(api: API, sample: Backend) -> None:
    paths = await until_indexed(api)
    assert paths[PLACE.strip("/")] == {"serverRelativeURL": f"/openapi/v3{PLACE}?hash=1"}
    assert "apis/apps/v1" in paths
    assert "version" not in paths
    document = await api.get(f"/openapi/v3{PLACE}", user="joe")
    assert document["openapi"] == "3.0.0"
    assert sample.requests[-1].headers["x-remote-user"] == "system:aggregator"


async def test_version_2_is_merged(api: API) -> None:
    await until_indexed(api)
    document = await api.get("/openapi/v2")
    assert "/api/v1/namespaces/{namespace}/pods" in document["paths"]
    operation = document["paths"][PATH]["get"]
    assert operation["parameters"] == [SPEC["parameters"]["pretty"]]  # type: ignore[index]
    assert operation["responses"]["200"]["schema"] == {"$ref": f"#/definitions/{FLUNDER}"}
    theirs = document["definitions"][FLUNDER]["properties"]["metadata"]
    assert theirs == {"$ref": f"#/definitions/{META}_v2"}
    assert document["definitions"][f"{META}_v2"]["description"] == "theirs"
    assert document["definitions"][META]["description"] != "theirs"
    assert "unused" not in document["definitions"]
    answer = await api.call("GET", "/openapi/v2", accept=V2_PROTOBUF)
    assert b"listFlunders" in answer.body


async def test_what_is_gone_is_no_longer_told_of(api: API) -> None:
    await until_indexed(api)
    await api.call("DELETE", f"{API_SERVICES}/{NAME}")
    await until_indexed(api, there=False)
    assert PATH not in (await api.get("/openapi/v2"))["paths"]
    assert (await api.call("GET", f"/openapi/v3{PLACE}")).status == 404


def ours() -> Any:
    return {"swagger": "2.0", "paths": {}, "definitions": {"shared": {"type": "object"}}}


def test_a_definition_that_means_the_same_is_shared() -> None:
    theirs = copy.deepcopy(SPEC)
    theirs["definitions"][META] = {"type": "object", "x-kubernetes-group-version-kind": []}  # type: ignore[index]
    mine = ours() | {"definitions": {META: {"type": "object"}}}
    merged = merge(mine, [fragment(theirs, [PLACE])])
    assert set(merged["definitions"]) == {META, FLUNDER}


def test_two_servers_with_different_types_of_one_name_are_told_apart() -> None:
    other = copy.deepcopy(SPEC)
    other["definitions"][FLUNDER]["description"] = "another"  # type: ignore[index]
    other["paths"] = {f"{PLACE}/others": SPEC["paths"][PATH]}  # type: ignore[index]
    merged = merge(ours(), [fragment(SPEC, [PLACE]), fragment(other, [PLACE])])
    schema = merged["paths"][f"{PLACE}/others"]["get"]["responses"]["200"]["schema"]
    assert schema == {"$ref": f"#/definitions/{FLUNDER}_v2"}
    assert f"{META}_v2" not in merged["definitions"]


def test_a_reference_to_nothing_is_refused() -> None:
    broken = copy.deepcopy(SPEC)
    del broken["definitions"][META]  # type: ignore[attr-defined]
    with pytest.raises(KeyError):
        fragment(broken, [PLACE])
