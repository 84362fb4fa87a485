"""No object is larger than etcd would take it, whichever way it comes."""

from typing import Any

import pytest

from tests.apiserver.harness import API, CONFIG_MAPS, PODS, running

LIMIT = 3 << 19
TOO_LARGE = "etcdserver: request is too large"


def pod(size: int, name: str = "a") -> dict[str, Any]:
    container = {"name": "c", "image": "i", "env": [{"name": "A", "value": "x" * size}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}


async def refused(api: API, method: str, path: str, body: Any, message: str = TOO_LARGE, **options: Any) -> None:
    answer = await api.call(method, path, body, **options)
    assert (answer.status, answer.body["message"]) == (500, message), answer.body["message"][:200]
    assert "reason" not in answer.body  # "Error from server: etcdserver: ...", as kubectl has it


async def test_a_new_object_may_not_be_larger_than_etcd_takes() -> None:
    async with running() as api:
        await api.service_account()
        await api.create(PODS, pod(LIMIT - 2000))
        await refused(api, "POST", PODS, pod(LIMIT, "b"))
        assert (await api.call("GET", f"{PODS}/b")).status == 404
        dry = await api.call("POST", PODS, pod(LIMIT, "b"), query={"dryRun": "All"})
        assert dry.status == 201  # which asks no storage


async def test_above_two_megabytes_it_is_the_client_of_etcd_that_refuses() -> None:
    async with running() as api:
        await api.service_account()
        answer = await api.call("POST", PODS, pod(5 << 19))
        assert answer.status == 500
        begin = "rpc error: code = ResourceExhausted desc = trying to send message larger than max (26"
        assert answer.body["message"].startswith(begin) and answer.body["message"].endswith(" vs. 2097152)")


@pytest.mark.parametrize("way", ["update", "merge-patch", "json-patch", "strategic-merge-patch", "apply"])
async def test_an_object_may_not_become_larger(way: str) -> None:
    async with running() as api:
        await api.service_account()
        made = await api.create(f"{CONFIG_MAPS}", {"metadata": {"name": "c"}, "data": {"a": "x" * 1000}})
        resources = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
        rule = {"apiGroups": [""], "resources": ["x" * 1000], "verbs": ["get"]}
        role = await api.create(resources, {"metadata": {"name": "r"}, "rules": [rule]})
        rules = [{**rule, "resources": ["x" * LIMIT]}]
        path = f"{resources}/r"
        if way == "update":
            await refused(api, "PUT", path, {**role, "rules": rules})
        elif way == "json-patch":
            patch = [{"op": "replace", "path": "/rules", "value": rules}]
            await refused(api, "PATCH", path, patch, content_type="application/json-patch+json")
        elif way == "apply":
            whole = {"apiVersion": role["apiVersion"], "kind": role["kind"], "metadata": {"name": "r"}, "rules": rules}
            query = {"fieldManager": "m", "force": "true"}
            kind = "application/apply-patch+yaml"
            await refused(api, "PATCH", path, whole, content_type=kind, query=query)
        else:
            await refused(api, "PATCH", path, {"rules": rules}, content_type=f"application/{way}+json")
        assert await api.get(path) == role
        assert await api.get(f"{CONFIG_MAPS}/c") == made


async def test_managed_fields_go_before_the_object_does() -> None:
    names = {f"{'k' * 200}{number}": "" for number in range(4500)}
    async with running() as api:
        made = await api.create(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": names})
        assert "managedFields" not in made["metadata"]
        assert "managedFields" not in (await api.get(f"{CONFIG_MAPS}/c"))["metadata"]


async def test_what_is_too_large_already_can_be_deleted() -> None:
    async with running() as api:
        await api.service_account()
        made = await api.create(PODS, {**pod(LIMIT - 1500), "metadata": {"name": "a", "finalizers": ["example.com/a"]}})
        assert (await api.call("DELETE", f"{PODS}/a")).status == 200
        there = await api.get(f"{PODS}/a")
        there["metadata"]["finalizers"] = []
        assert (await api.call("PUT", f"{PODS}/a", there)).status == 200
        assert made["metadata"]["uid"] == there["metadata"]["uid"]
