"""What is too large for etcd is refused in its words, and costs nobody else anything."""

from typing import Any

import orjson

from sampan.apiserver.writes.size import MOST
from tests.apiserver.extensions.crontabs import CRONTABS, crontab, definition, established, version
from tests.apiserver.harness import API, PODS, pod

ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
REFUSED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "etcdserver: request is too large",
    "code": 500,
}


def large(size: int, **fields: Any) -> dict[str, Any]:
    return crontab(more="x" * size, **fields)


async def test_custom_resources(api: API) -> None:
    await established(api, definition(version("v1", schema=ANYTHING)))
    answer = await api.call("POST", CRONTABS, large(MOST))
    assert (answer.status, answer.body) == (500, REFUSED)
    await api.create(CRONTABS, large(MOST - 2000))
    name = f"{CRONTABS}/my"
    for kind in ("merge-patch", "apply-patch"):
        body = {**crontab(), "spec": {"yet": "x" * 2000}} if kind == "apply-patch" else {"spec": {"yet": "x" * 2000}}
        content_type = "application/apply-patch+yaml" if kind == "apply-patch" else "application/merge-patch+json"
        query = {"fieldManager": "me", "force": "true"} if kind == "apply-patch" else {}
        answer = await api.call("PATCH", name, body, content_type=content_type, query=query)
        assert (answer.status, answer.body) == (500, REFUSED), kind
    found = await api.get(name)
    answer = await api.call("PUT", name, {**found, "spec": {"more": "x" * MOST}})
    assert (answer.status, answer.body) == (500, REFUSED)
    assert await api.get(name) == found


async def test_built_in_kinds_are_measured_as_upstream_stores_them(api: API) -> None:
    """Their JSON is longer than their protobuf. Who owns which fields is told where that fits, too."""
    await api.service_account()
    for name, count in (("many", 40_000), ("few", 12_500)):
        ports = [{"containerPort": number + 1, "name": f"p{number}"} for number in range(count)]
        answer = await api.call("POST", PODS, pod(name, containers=[{"name": "a", "image": "a", "ports": ports}]))
        assert answer.status == 201
        assert len(orjson.dumps(answer.body)) > MOST
        assert ("managedFields" in answer.body["metadata"]) == (name == "few")
