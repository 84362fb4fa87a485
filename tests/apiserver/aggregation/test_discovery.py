"""Discovery of what other servers have, merged with our own."""

from collections.abc import AsyncIterator

import orjson
import pytest

from sampan.apiserver.aggregation.told import Unreadable, from_aggregated, from_resource_list
from sampan.apiserver.discovery.merging import merged
from sampan.apiserver.discovery.model import Group, RemoteVersion, Version
from sampan.testing.clock import settle
from tests.apiserver.aggregation.backend import (
    API_SERVICES,
    GROUP,
    NAME,
    PLACE,
    Backend,
    front,
    register,
    until_fresh,
    until_reason,
)
from tests.apiserver.harness import API


@pytest.fixture
async def api(sample: Backend) -> AsyncIterator[API]:
    async with front() as api:
        yield api


async def test_resources_are_the_backends(api: API, sample: Backend) -> None:
    await register(api, sample.port)
    version = await until_fresh(api)
    assert [(one["resource"], one["scope"], one["responseKind"]["kind"]) for one in version["resources"]] == [
        ("flunders", "Namespaced", "Flunder")
    ]
    listed = await api.get(f"/apis/{GROUP}")
    assert listed["preferredVersion"] == {"groupVersion": f"{GROUP}/v1alpha1", "version": "v1alpha1"}
    seen = sample.asked("/apis")[-1]
    assert (seen.headers["x-remote-user"], seen.headers["x-remote-group"]) == (
        "system:kube-aggregator",
        "system:masters",
    )


async def test_servers_that_know_the_old_form_only_are_understood(api: API, sample: Backend) -> None:
    sample.old = True
    await register(api, sample.port)
    version = await until_fresh(api)
    (flunders,) = version["resources"]
    assert flunders["shortNames"] == ["fl"]
    assert [sub["subresource"] for sub in flunders["subresources"]] == ["status"]


async def test_what_does_not_answer_is_stale_and_keeps_what_it_had(api: API, sample: Backend) -> None:
    await register(api, sample.port)
    await until_fresh(api)
    sample.broken = True
    # any change of the APIService has it checked again
    await api.patch(f"{API_SERVICES}/{NAME}", {"metadata": {"labels": {"a": "b"}}})
    condition = await until_reason(api, "FailedDiscoveryCheck")
    url = f"https://localhost:{sample.port}{PLACE}"
    assert condition["message"] == f"failing or missing response from {url}: bad status from {url}: 500"
    stale = await until_fresh(api, "Stale")
    assert [one["resource"] for one in stale["resources"]] == ["flunders"]
    metrics = await api.get("/metrics")
    assert b'aggregator_unavailable_apiservice{name="v1alpha1.wardle.example.com"} 1.0' in metrics
    counted = (
        b'aggregator_unavailable_apiservice_total{name="v1alpha1.wardle.example.com",reason="FailedDiscoveryCheck"} 1.0'
    )
    assert counted in metrics
    sample.broken = False
    await api.patch(f"{API_SERVICES}/{NAME}", {"metadata": {"labels": {"a": "c"}}})
    await until_reason(api, "Passed")
    await until_fresh(api)
    while sample.asked("/apis")[-1].headers.get("if-none-match") != '"one"':  # asked anew, it says: as before
        await settle()
    assert (await until_fresh(api))["resources"] == stale["resources"]


async def test_priorities_decide_the_order(api: API, sample: Backend) -> None:
    await register(api, sample.port, groupPriorityMinimum=17_900)
    await until_fresh(api)
    names = [group["name"] for group in (await api.get("/apis"))["groups"]]
    assert names[:3] == ["apiregistration.k8s.io", GROUP, "apps"]


def remote(group: str, name: str, group_priority: int, priority: int) -> RemoteVersion:
    return RemoteVersion(group, name, (), True, group_priority, priority)


def test_groups_and_versions_are_in_the_order_of_their_numbers() -> None:
    local = [Group("apps", (Version("v1", ()),)), Group("custom.example.com", (Version("v1", ()), Version("v2", ())))]
    others = [
        remote("custom.example.com", "v9alpha1", 900, 200),
        remote("metrics.k8s.io", "v1beta1", 100, 100),
        remote("metrics.k8s.io", "v1", 100, 100),
    ]
    found = merged(local, others)
    assert [group.name for group in found] == ["apps", "custom.example.com", "metrics.k8s.io"]
    assert [[version.name for version in group.versions] for group in found[1:]] == [
        ["v9alpha1", "v2", "v1"],
        ["v1", "v1beta1"],
    ]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"items": [{"versions": [{}]}]}', b'{"items": [{"metadata": {}, "versions": [1]}]}']
)
def test_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        from_aggregated(body)


def test_a_kind_of_another_group_is_told_apart() -> None:
    scale = {"name": "a/scale", "kind": "Scale", "group": "autoscaling", "version": "v1"}
    body = orjson.dumps({"resources": [{"name": "a", "kind": "A"}, scale]})
    (resource,) = from_resource_list(body, ("g", "v"))["g", "v"]
    (sub,) = resource.subresources
    assert (resource.response, sub.foreign, sub.response.group) == (("g", "v", "A"), True, "autoscaling")
