"""One request passed on to the server behind an APIService, as it is: method, path, query, body, upgrade; and the
answer back, as it comes.

The request has been authenticated and authorized; the backend asks us again by SubjectAccessReview, about the user that
identity.py tells it. Redirects are never followed and never passed on. Rules and texts: k8s.io/kube-aggregator/pkg/
apiserver (handler_proxy.go) and k8s.io/apimachinery/pkg/util/proxy. Called by app.py.
"""

import asyncio
from contextlib import AsyncExitStack

from sampan.apiserver.aggregation.answers import REDIRECTED, dial_text, plain, shown, unavailable
from sampan.apiserver.aggregation.backends import Backend
from sampan.apiserver.aggregation.connections import Connections
from sampan.apiserver.aggregation.identity import on_behalf
from sampan.apiserver.authentication.user import User
from sampan.apiserver.streaming.log import OwnedBody
from sampan.apiserver.webhooks.addresses import Address, Unresolved
from sampan.transport.connection import HTTPClient, Streaming
from sampan.transport.messages import Reply, Request, Response, StreamResponse
from sampan.transport.relay import end_to_end, relay_upgrade

_DISCOVERY_TIMEOUT = 5.0  # seconds
_SHORT = 64 << 10  # bytes of a body that is read whole, so that its length can be told


class Proxy:
    """One for a server."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections

    async def serve(self, backend: Backend, request: Request, user: User) -> Reply:
        """The backend's answer; whatever goes wrong is an answer too."""
        if not backend.available:
            return unavailable()
        try:
            address = self.connections.address(backend)
            client = await self.connections.client(backend, address)
        except Unresolved:
            return unavailable()
        except (ValueError, OSError) as error:  # of the bundle
            return plain(500, str(error))
        return await _forward(client, on_behalf(request, user, shown(address)), address)


async def _forward(client: HTTPClient, request: Request, address: Address) -> Reply:
    upgrade = "upgrade" in request.headers
    try:
        async with asyncio.timeout(_DISCOVERY_TIMEOUT if _is_discovery(request) else None):
            return await (_upgrade if upgrade else _pass_on)(client, request)
    except OSError as error:
        what = "error dialing backend" if upgrade else "error trying to reach service"
        return plain(503, f"{what}: {dial_text(address, error)}")
    except ValueError as error:  # a user's name, say, that can't be a header
        return plain(500, str(error))


def _is_discovery(request: Request) -> bool:
    """Whether the path is /apis/<group>/<version>, which every client asks for at its start."""
    return request.path.strip("/").count("/") == 2


async def _upgrade(client: HTTPClient, request: Request) -> Reply:
    return _without_redirect(await relay_upgrade(client, request, _target(request)))


async def _pass_on(client: HTTPClient, request: Request) -> Reply:
    headers = end_to_end(request.all_lines())
    async with AsyncExitStack() as stack:
        answer = await stack.enter_async_context(client.stream(request.method, _target(request), headers, request.body))
        kept = end_to_end(answer.lines, drop=("content-type", "date"))
        content_type = answer.headers.get("content-type", "")
        if request.method == "HEAD" or _is_short(answer):
            return _without_redirect(Response(answer.status, await answer.read(), content_type, kept))
        if _redirects(answer.status, answer.headers.get("location", "")):
            return plain(502, REDIRECTED)
        return StreamResponse(answer.status, OwnedBody(stack.pop_all(), answer.body), content_type, kept)
    raise AssertionError


def _is_short(answer: Streaming) -> bool:
    length = answer.headers.get("content-length", "")
    return answer.status in (204, 304) or (length.isdecimal() and int(length[:20]) <= _SHORT)


def _without_redirect(reply: Reply) -> Reply:
    location = "".join(value for name, value in reply.headers if name == "location")
    return plain(502, REDIRECTED) if isinstance(reply, Response) and _redirects(reply.status, location) else reply


def _redirects(status: int, location: str) -> bool:
    return 300 <= status < 400 and bool(location)


def _target(request: Request) -> str:
    return f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path
