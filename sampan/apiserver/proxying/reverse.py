"""One request passed on into the cluster's network, and the answer back with its links made to lead here again.

The client's credentials stay here, and redirects are never followed: where one leads is for the client to ask, who is
authorized then like anybody. Rules: k8s.io/apimachinery/pkg/util/proxy (UpgradeAwareHandler, Transport).
"""

from typing import NamedTuple

from sampan.apiserver.proxying.html import HTMLLinks
from sampan.apiserver.proxying.links import Links, encoded, prefix_of
from sampan.apiserver.proxying.recoded import recoded
from sampan.apiserver.streaming.target import without_secrets
from sampan.machinery.errors import APIError, InternalError, ServiceUnavailable
from sampan.transport.connection import HTTPClient
from sampan.transport.go_errors import dial_text, shown
from sampan.transport.messages import Reply, Request, Response, StreamResponse
from sampan.transport.relay import asks_upgrade, close, end_to_end, pass_on, relay_upgrade

_FORWARDED_FOR, _FORWARDED_URI = "x-forwarded-for", "x-forwarded-uri"
_CORS = frozenset(f"access-control-allow-{what}" for what in ("credentials", "headers", "methods", "origin"))

Header = tuple[str, str]


class Backend(NamedTuple):
    """The server that a request goes to."""

    client: HTTPClient
    host: str
    port: int


async def serve(backend: Backend, request: Request, path: str) -> Reply:
    """The answer of `backend` at `path` (decoded, cleaned, perhaps empty). Raises APIError."""
    if asks_upgrade(request):
        return await _upgrade(backend, request, path)
    if not path and request.method in ("GET", "HEAD"):
        return _with_slash(request)
    own = shown(backend.host, backend.port)
    links = Links(prefix_of(_decoded(request), path), own, request.headers.get("host", ""))
    headers = [*_headers(request, drop=(_FORWARDED_URI,)), (_FORWARDED_URI, request.raw_path)]
    try:
        reply = await pass_on(backend.client, request, _target(path, request), headers)
    except (OSError, ValueError) as error:
        why = dial_text(backend.host, backend.port, error)
        raise ServiceUnavailable(f"error trying to reach service: {why}") from error
    return await _returned(reply, request, links)


async def _upgrade(backend: Backend, request: Request, path: str) -> Reply:
    try:
        reply = await relay_upgrade(backend.client, request, _target(path, request), _headers(request))
    except OSError as error:
        why = dial_text(backend.host, backend.port, error)
        raise APIError(f"error dialing backend: {why}", code=500, reason="") from error
    if isinstance(reply, Response) and reply.status < 400:
        raise APIError(f"invalid upgrade response: status code {reply.status}", code=500, reason="")
    return reply


def _decoded(request: Request) -> str:
    return request.path.replace("%2f", "/")


def _with_slash(request: Request) -> Response:
    """Relative links of a page lead astray unless its own path ends with a slash."""
    query = f"?{request.raw_query}" if request.raw_query else ""
    return Response(301, b"", "", [("Location", f"{encoded(request.path)}/{query}")])


def _target(path: str, request: Request) -> str:
    return (encoded(path) or "/") + (f"?{request.raw_query}" if request.raw_query else "")


def _headers(request: Request, drop: tuple[str, ...] = ()) -> list[Header]:
    """What the server is told: the client's headers without credentials, its Host, and where it comes from."""
    bare = without_secrets(request, cookies=True)  # of the server behind, which has nobody else to keep a login with
    kept = end_to_end(bare.all_lines(), drop=(_FORWARDED_FOR, *drop))
    before = request.headers.get(_FORWARDED_FOR)
    passed = [before] if before else []
    through = [(_FORWARDED_FOR, ", ".join([*passed, request.remote]))] if request.remote or passed else []
    return [("host", request.headers.get("host", "")), *kept, *through]


async def _returned(reply: StreamResponse, request: Request, links: Links) -> Reply:
    """The answer as the client gets it."""
    reply.headers = [(name, value) for name, value in reply.headers if name not in _CORS]
    location = next((value for name, value in reply.headers if name == "location"), "")
    if location:
        moved = await _moved(reply, location, links)
        reply.headers = [(name, moved if name == "location" else value) for name, value in reply.headers]
    elif request.method != "HEAD" and reply.content_type.partition(";")[0].strip() == "text/html":
        encoding = next((value for name, value in reply.headers if name == "content-encoding"), "")
        return recoded(reply, encoding, HTMLLinks(links.rewritten))
    return reply


async def _moved(reply: StreamResponse, location: str, links: Links) -> str:
    try:
        return links.rewritten(location)
    except ValueError as error:
        await close(reply)
        raise InternalError(f"Internal error occurred: error trying to parse Location header: {error}") from error
