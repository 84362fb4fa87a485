"""Asking backends in the server's own name: whether they answer, and for their documents.

Called by controller.py and discovery.py. Upstream: k8s.io/kube-aggregator/pkg/controllers/status/remote.
"""

import asyncio
from collections.abc import Mapping

from sampan.apiserver.aggregation.answers import why_not
from sampan.apiserver.aggregation.backends import Backend
from sampan.apiserver.aggregation.connections import Connections
from sampan.apiserver.aggregation.identity import identity_headers
from sampan.apiserver.authentication.user import GROUP_MASTERS, User
from sampan.apiserver.webhooks.addresses import Address, Unresolved
from sampan.transport.connection import Answer
from sampan.transport.go_errors import shown

AGGREGATOR = User("system:kube-aggregator", (GROUP_MASTERS,))
OPENAPI_READER = User("system:aggregator", (GROUP_MASTERS,))
TIMEOUT = 5.0  # seconds
MAX_DOCUMENT = 64 << 20  # bytes


class NoAnswer(Exception):
    """A backend could not be asked; str() says why."""


async def ask(
    connections: Connections,
    backend: Backend,
    path: str,
    *,
    user: User = AGGREGATOR,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """GET a document, at whatever endpoint; raises NoAnswer."""
    try:
        address = connections.address(backend)
    except Unresolved as error:
        raise NoAnswer(str(error)) from None
    return await _get(connections, backend, address, path, user, headers or {}, timeout)


async def failure(connections: Connections, backend: Backend) -> str:
    """Why no endpoint of a backend answers as an API server; "" where one does."""
    try:
        addresses = connections.addresses(backend)
    except Unresolved as error:
        return str(error)
    found = await asyncio.gather(*(_failure(connections, backend, address) for address in addresses))
    return "" if "" in found else found[-1]


async def _failure(connections: Connections, backend: Backend, address: Address) -> str:
    url = f"https://{shown(*address)}{backend.path}"
    try:
        answer = await _get(connections, backend, address, backend.path, AGGREGATOR, {}, TIMEOUT)
    except NoAnswer as error:
        return f"failing or missing response from {url}: {error}"
    if not 200 <= answer.status < 300:
        return f"failing or missing response from {url}: bad status from {url}: {answer.status}"
    return ""


async def _get(
    connections: Connections,
    backend: Backend,
    address: Address,
    path: str,
    user: User,
    headers: Mapping[str, str],
    timeout: float,
) -> Answer:
    sent = [("accept", "application/json"), *identity_headers(user)]
    sent = [(name, value) for name, value in sent if name not in headers] + list(headers.items())
    try:
        client = await connections.client(backend, address)
        async with asyncio.timeout(timeout), client.stream("GET", path, sent) as answer:
            body = bytearray()
            async for piece in answer.body:
                body += piece
                if len(body) > MAX_DOCUMENT:
                    raise NoAnswer(f"{path} is longer than {MAX_DOCUMENT} bytes")
            return Answer(answer.status, answer.headers, bytes(body), answer.lines)
    except (OSError, ValueError) as error:
        raise NoAnswer(f'Get "https://{shown(*address)}{path}": {why_not(address, error)}') from error
