"""Connections to backends: TLS with the certificate of the front proxy, kept per endpoint and what is trusted there.

Called by proxy.py for requests, and for the server's own questions (checks.py, discovery.py).
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from sampan.apiserver.aggregation.answers import shown
from sampan.apiserver.aggregation.backends import Backend
from sampan.apiserver.webhooks.addresses import Address, Resolve
from sampan.transport.connection import HTTPClient
from sampan.transport.tls import client_context

MAX_CLIENTS = 64  # endpoints that idle connections are kept to
_ATTEMPTS = 5  # draws of an endpoint; several may be the same


@dataclass(frozen=True, slots=True)
class FrontProxy:
    """The client certificate that backends know this server by; PEM. Empty: it shows none."""

    certificate: bytes = b""
    key: bytes = b""


class Connections:
    """One for a server."""

    def __init__(self, resolve: Resolve, front_proxy: FrontProxy) -> None:
        self._resolve, self._front_proxy = resolve, front_proxy
        self._clients: OrderedDict[tuple[Address, str, str, bool], HTTPClient] = OrderedDict()

    def address(self, backend: Backend) -> Address:
        """One of the backend's endpoints; raises Unresolved."""
        return self._resolve(*backend.service)

    def addresses(self, backend: Backend) -> Sequence[Address]:
        """Some of its endpoints, each once; raises Unresolved."""
        return tuple({self.address(backend): None for _ in range(_ATTEMPTS)})

    async def client(self, backend: Backend, address: Address) -> HTTPClient:
        """The client of an endpoint; raises ValueError, OSError for a bundle that holds no certificates."""
        known = (address, backend.service.host, backend.ca_bundle, backend.verify)
        client = self._clients.get(known)
        if client is None:
            context = await asyncio.to_thread(
                client_context,
                base64.b64decode(backend.ca_bundle),
                self._front_proxy.certificate,
                self._front_proxy.key,
                verify=backend.verify,
            )
            client = HTTPClient(f"https://{shown(address)}", context, server_name=backend.service.host)
            client = self._clients.setdefault(known, client)
            if len(self._clients) > MAX_CLIENTS:
                await self._clients.popitem(last=False)[1].close()
        self._clients.move_to_end(known)
        return client

    async def close(self) -> None:
        """Close what is idle."""
        while self._clients:
            await self._clients.popitem()[1].close()
