"""One request passed on to the server behind an APIService, as it is: method, path, query, body, upgrade; and the
answer back, as it comes.

The request has been authenticated and authorized; the backend asks us again by SubjectAccessReview, about the user that
identity.py tells it. Redirects are never followed and never passed on. Rules and texts: k8s.io/kube-aggregator/pkg/
apiserver (handler_proxy.go) and k8s.io/apimachinery/pkg/util/proxy. Called by app.py.
"""

import asyncio

from sampan.apiserver.aggregation.answers import REDIRECTED, plain, unavailable, why_not
from sampan.apiserver.aggregation.backends import Backend
from sampan.apiserver.aggregation.connections import Connections
from sampan.apiserver.aggregation.identity import on_behalf
from sampan.apiserver.authentication.user import User
from sampan.apiserver.webhooks.addresses import Address, Unresolved
from sampan.transport.connection import HTTPClient
from sampan.transport.go_errors import shown
from sampan.transport.messages import Reply, Request
from sampan.transport.relay import asks_upgrade, close, end_to_end, pass_on, redirects, relay_upgrade, target_of

_DISCOVERY_TIMEOUT = 5.0  # seconds


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
        return await _forward(client, on_behalf(request, user, shown(*address)), address)


async def _forward(client: HTTPClient, request: Request, address: Address) -> Reply:
    try:
        async with asyncio.timeout(_DISCOVERY_TIMEOUT if _is_discovery(request) else None):
            return await _relay(client, request)
    except OSError as error:
        what = "error dialing backend" if asks_upgrade(request) else "error trying to reach service"
        return plain(503, f"{what}: {why_not(address, error)}")
    except ValueError as error:  # a user's name, say, that can't be a header
        return plain(500, str(error))


def _is_discovery(request: Request) -> bool:
    """Whether the path is /apis/<group>/<version>, which every client asks for at its start."""
    return request.path.strip("/").count("/") == 2


async def _relay(client: HTTPClient, request: Request) -> Reply:
    target, headers = target_of(request), end_to_end(request.all_lines())
    if asks_upgrade(request):
        reply = await relay_upgrade(client, request, target, headers)
    else:
        reply = await pass_on(client, request, target, headers)
    if not redirects(reply):
        return reply
    await close(reply)
    return plain(502, REDIRECTED)
