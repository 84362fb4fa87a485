"""Paths and methods to request info, as upstream's RequestInfoFactory reads them."""

from typing import Any

import pytest

from sampan.apiserver.query import parse_query
from sampan.apiserver.requestinfo import parse_request
from sampan.machinery.errors import BadRequest

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/api/v1/namespaces", {"verb": "list", "resource": "namespaces", "namespace": "", "name": ""}),
    ("GET", "/api/v1/namespaces/a", {"verb": "get", "resource": "namespaces", "namespace": "a", "name": "a"}),
    ("PUT", "/api/v1/namespaces/a/finalize", {"verb": "update", "resource": "namespaces", "subresource": "finalize"}),
    ("GET", "/api/v1/namespaces/a/pods", {"verb": "list", "resource": "pods", "namespace": "a"}),
    ("GET", "/api/v1/namespaces/a/pods?watch=true", {"verb": "watch", "resource": "pods"}),
    ("GET", "/api/v1/namespaces/a/pods?watch=false", {"verb": "list", "resource": "pods"}),
    ("GET", "/api/v1/watch/namespaces/a/pods", {"verb": "watch", "resource": "pods", "namespace": "a"}),
    ("GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx", {"verb": "list", "name": "x", "is_collection": True}),
    ("GET", "/api/v1/pods?fieldSelector=a%3Db,metadata.name%3D%3Dx", {"verb": "list", "name": "x"}),
    ("GET", "/api/v1/pods?fieldSelector=metadata.name!%3Dx", {"name": ""}),
    *(
        ("GET", f"/api/v1/pods?fieldSelector=metadata.name%3D{name}", {"name": "", "is_collection": True})
        for name in ("", ".", "..", "a%2Fb", "a%2525b")  # which could stand for another path
    ),
    ("DELETE", "/api/v1/namespaces/a/pods", {"verb": "deletecollection"}),
    ("DELETE", "/api/v1/namespaces/a/pods/p", {"verb": "delete", "name": "p"}),
    ("POST", "/api/v1/namespaces/a/pods/p/binding", {"verb": "create", "name": "p", "subresource": "binding"}),
    ("PATCH", "/apis/apps/v1/namespaces/a/deployments/d", {"verb": "patch", "group": "apps", "version": "v1"}),
    ("GET", "/api/v1/nodes/n/proxy/a/b", {"resource": "nodes", "subresource": "proxy", "rest": ("a", "b")}),
    ("GET", "/apis/apps/v1", {"is_resource": False, "verb": "get"}),
    ("GET", "/healthz", {"is_resource": False, "path": "/healthz"}),
    ("POST", "/", {"is_resource": False, "verb": "post"}),
]


@pytest.mark.parametrize(("method", "url", "expected"), CASES)
def test_parse(method: str, url: str, expected: dict[str, Any]) -> None:
    path, _, query = url.partition("?")
    info = parse_request(method, path, parse_query(query))
    assert {name: getattr(info, name) for name in expected} == expected


def test_watch_without_resource_is_refused() -> None:
    with pytest.raises(BadRequest):
        parse_request("GET", "/api/v1/watch", {})
