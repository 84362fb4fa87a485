"""TCP keep-alive: how a peer that vanished without a word is noticed on a connection where nobody has anything to say.

Watches, log streams and upgraded connections may be silent for hours, so they have no timeout of their own. The numbers
are Go's: after 15 seconds of silence a probe every 15 seconds, nine in all.
"""

import asyncio
import socket

_IDLE, _INTERVAL, _COUNT = 15, 15, 9


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Have the kernel probe the peer; nothing on other than TCP."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _INTERVAL)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _COUNT)
