"""Kinds whose names begin alike, and kinds asked for where they are not: nobody sees another's objects.

Classes of CVE-2022-3162 (prefixes in storage) and CVE-2019-11247 (scope).
"""

from typing import Any

import pytest

from tests.apiserver.extensions.crontabs import crontab, definition, established
from tests.apiserver.harness import API

GROUP = "/apis/stable.example.com/v1"


def of_kind(kind: str, name: str) -> dict[str, Any]:
    return crontab(name) | {"kind": kind}


async def _two_alike(api: API) -> None:
    await established(api, definition(plural="foo", kind="Foo", names={"listKind": "FooList"}))
    await established(api, definition(plural="foos", kind="Foos", names={"listKind": "FoosList", "singular": "foos"}))
    await api.create(f"{GROUP}/namespaces/default/foo", of_kind("Foo", "one"))
    await api.create(f"{GROUP}/namespaces/default/foos", of_kind("Foos", "two"))


async def test_names_that_begin_alike(api: API) -> None:
    await _two_alike(api)
    for plural, name in (("foo", "one"), ("foos", "two")):
        for path in (f"{GROUP}/{plural}", f"{GROUP}/namespaces/default/{plural}"):
            assert [item["metadata"]["name"] for item in (await api.get(path))["items"]] == [name]
            async with api.watch(path, query={"resourceVersion": "0"}) as events:
                assert (await anext(events))["object"]["metadata"]["name"] == name
        assert (await api.call("DELETE", f"{GROUP}/namespaces/default/{plural}")).status == 200
        other = {"foo": "foos", "foos": "foo"}[plural]
        assert len((await api.get(f"{GROUP}/{other}"))["items"]) == (plural == "foo")


@pytest.mark.parametrize("name", ["..", "%2e%2e", "a%2fb", "..%2ffoos", "%2e%2e%2ffoos%2ftwo", "x%00"])
async def test_names_that_lead_elsewhere(api: API, name: str) -> None:
    await _two_alike(api)
    answer = await api.call("GET", f"{GROUP}/namespaces/default/foo/{name}")
    assert answer.status in (400, 404)
    answer = await api.call("DELETE", f"{GROUP}/namespaces/default/foo/{name}")
    assert answer.status in (400, 404)
    assert len((await api.get(f"{GROUP}/foos"))["items"]) == 1


async def test_a_kind_is_found_in_its_scope_only(api: API) -> None:
    """And who may do something in a namespace may not do it to the cluster by asking there."""
    await established(api, definition(plural="clusterthings", kind="ClusterThing", scope="Cluster"))
    await api.create(f"{GROUP}/clusterthings", of_kind("ClusterThing", "mine"))
    rights = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    await api.create(f"{rights}/roles", {"metadata": {"name": "all"}, "rules": [rule]})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "all"}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"}]
    binding = {"metadata": {"name": "joe"}, "roleRef": ref, "subjects": subjects}
    await api.create(f"{rights}/rolebindings", binding)
    for method in ("GET", "DELETE", "PUT", "PATCH"):
        for user in ("joe", "admin"):
            body = of_kind("ClusterThing", "mine") if method in ("PUT", "PATCH") else None
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            path = f"{GROUP}/namespaces/default/clusterthings/mine"
            answer = await api.call(method, path, body, user=user, content_type=kind)
            assert answer.status == 404, (method, user)
        assert (await api.call("GET", f"{GROUP}/clusterthings/mine", user="joe")).status == 403
    assert (await api.get(f"{GROUP}/clusterthings/mine"))["metadata"]["name"] == "mine"
