"""Dialling: raw connections to TCP and TLS targets."""

import asyncio
import ssl

from sampan.transport.keepalive import keep_alive
from sampan.transport.raw import RawConnection


async def dial(
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None = None,
    *,
    server_name: str = "",  # for TLS, where it differs from the host
    timeout: float = 30.0,
) -> RawConnection:
    """A TCP connection, with TLS if a context is given. Raises OSError, ssl.SSLError, TimeoutError."""
    loop = asyncio.get_running_loop()
    name = (server_name or host) if ssl_context is not None else None
    async with asyncio.timeout(timeout):
        _, connection = await loop.create_connection(RawConnection, host, port, ssl=ssl_context, server_hostname=name)
    keep_alive(connection.transport)
    return connection
