"""The discovery paths and their answers: documents encoded once, in old or aggregated form, with ETags."""

import hashlib
from collections.abc import Callable
from typing import Any

import orjson

from sampan.apiserver.accept import YAML, negotiate_plain
from sampan.apiserver.discovery import aggregated, legacy
from sampan.apiserver.discovery.model import Group, groups_of
from sampan.apiserver.routes import Routes
from sampan.machinery import yamlio
from sampan.transport.messages import Request, Response

Answer = Callable[[Request], Response]
_NO_CACHE = ("Cache-Control", "no-cache, private")


class Document:
    """One answer with its ETag."""

    def __init__(self, tree: Any, content_type: str = "application/json") -> None:
        self._tree = tree
        self._body = orjson.dumps(tree) + b"\n"
        self._etag = f'"{hashlib.sha512(self._body).hexdigest().upper()}"'
        self._content_type = content_type

    def answer(self, request: Request) -> Response:
        """The document, or 304 where the client has it."""
        if negotiate_plain(request.headers.get("accept", "")).media_type == YAML:
            return Response(200, yamlio.dump_yaml(self._tree), YAML)
        headers = [("ETag", self._etag), ("Vary", "Accept"), _NO_CACHE]
        if self._etag in request.headers.get("if-none-match", ""):
            return Response(304, content_type=self._content_type, headers=headers)
        return Response(200, self._body, self._content_type, headers)


class _Negotiated:
    """The old form, or the aggregated one where the client lists it first among what it can take."""

    def __init__(self, old: Callable[[], Any], groups: tuple[Group, ...]) -> None:
        self._old = old
        self._new = {
            version: Document(
                aggregated.group_discovery_list(groups, version),
                f"application/json;g={aggregated.GROUP};v={version};as=APIGroupDiscoveryList",
            )
            for version in aggregated.VERSIONS
        }

    def answer(self, request: Request) -> Response:
        for clause in request.headers.get("accept", "").split(","):
            media_type, *parameters = (part.strip() for part in clause.split(";"))
            if media_type != "application/json":
                continue
            values = dict(part.partition("=")[::2] for part in parameters)
            if values.get("as") == "APIGroupDiscoveryList" and values.get("g") == aggregated.GROUP:
                if (found := self._new.get(values.get("v", ""))) is not None:
                    return found.answer(Request("GET", request.path, "", _without_accept(request)))
            elif not values.get("as"):
                break
        return Document(self._old()).answer(request)


def _without_accept(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name != "accept"}


def discovery_paths(routes: Routes, address: Callable[[], str]) -> dict[str, Answer]:
    """Path -> answer. `address` (host:port), where clients find the server, is known once the port is open."""
    groups = groups_of(routes)
    core, named = [g for g in groups if not g.name], tuple(g for g in groups if g.name)
    found: dict[str, Answer] = {
        "/api": _Negotiated(lambda: legacy.api_versions(address()), tuple(core)).answer,
        "/apis": _Negotiated(lambda: legacy.group_list(named), named).answer,
    }
    for group in groups:
        root = f"/apis/{group.name}" if group.name else "/api"
        if group.name:
            found[root] = Document(legacy.group(group)).answer
        for version in group.versions:
            found[f"{root}/{version.name}"] = Document(legacy.resource_list(group, version.name)).answer
    return found
