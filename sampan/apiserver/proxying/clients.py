"""Connections to what is proxied: kept per scheme, address and port, for whoever asks next.

What answers there is authenticated by nothing but its address: as upstream, TLS of pods and Services is not verified.
To kubelets the API server shows its client certificate, and they have to be those of the node.
"""

import ssl
from functools import cached_property

from sampan.apiserver.proxying.location import Location
from sampan.transport.connection import HTTPClient
from sampan.transport.go_errors import shown
from sampan.transport.pool import ClientPool
from sampan.transport.tls import client_context


class ProxyClients:
    """One for a server. `kubelet_tls`: with the API server's client certificate; None: kubelets speak plain HTTP."""

    def __init__(self, kubelet_tls: ssl.SSLContext | None) -> None:
        self._kubelet_tls = kubelet_tls
        self._pool: ClientPool[tuple[Location, str]] = ClientPool()

    async def of(self, location: Location) -> HTTPClient:
        """The client for a pod, or anything else that nobody vouches for."""
        context = self._unverified if location.scheme == "https" else None
        return await self._pool.get((location, ""), lambda: HTTPClient(_url(location), context))

    async def of_kubelet(self, location: Location, name: str) -> HTTPClient:
        """The client for a node's kubelet, whose certificate has to have this name."""
        plain = location._replace(scheme="https" if self._kubelet_tls else "http")
        return await self._pool.get(
            (location, name), lambda: HTTPClient(_url(plain), self._kubelet_tls, server_name=name)
        )

    @cached_property
    def _unverified(self) -> ssl.SSLContext:
        return client_context(verify=False)

    async def close(self) -> None:
        """Close what is idle."""
        await self._pool.close()


def _url(location: Location) -> str:
    return f"{location.scheme}://{shown(location.host, location.port)}"
