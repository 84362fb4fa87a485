"""Connections to backends: TLS with the certificate of the front proxy, kept per endpoint and what is trusted there.

Called by proxy.py for requests, and for the server's own questions (checks.py, discovery.py).
"""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass

from sampan.apiserver.aggregation.backends import Backend
from sampan.apiserver.webhooks.addresses import Address, Resolve
from sampan.transport.connection import HTTPClient
from sampan.transport.go_errors import shown
from sampan.transport.pool import ClientPool
from sampan.transport.tls import client_context

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
        self._clients: ClientPool[tuple[Address, str, str, bool]] = ClientPool()

    async def renew(self, front_proxy: FrontProxy) -> None:
        """Show another certificate from now on. Idle connections are closed, for backends may look at the certificate
        with each request; those in use go on."""
        self._front_proxy = front_proxy
        await self._clients.close()

    def address(self, backend: Backend) -> Address:
        """One of the backend's endpoints; raises Unresolved."""
        return self._resolve(*backend.service)

    def addresses(self, backend: Backend) -> Sequence[Address]:
        """Some of its endpoints, each once; raises Unresolved."""
        return tuple({self.address(backend): None for _ in range(_ATTEMPTS)})

    async def client(self, backend: Backend, address: Address) -> HTTPClient:
        """The client of an endpoint; raises ValueError, OSError for a bundle that holds no certificates."""
        known = (address, backend.service.host, backend.ca_bundle, backend.verify)
        if client := self._clients.find(known):
            return client
        context = await asyncio.to_thread(
            client_context,
            base64.b64decode(backend.ca_bundle),
            self._front_proxy.certificate,
            self._front_proxy.key,
            verify=backend.verify,
        )
        url, name = f"https://{shown(*address)}", backend.service.host
        return await self._clients.get(known, lambda: HTTPClient(url, context, server_name=name))

    async def close(self) -> None:
        """Close what is idle."""
        await self._clients.close()
