"""How much of what a slow client has not taken yet waits in this process; what waits in the kernel is the kernel's.

A TLS transport has another one below, with a bound of its own (64 kB), and each of thousands of slow watches fills
both. uvloop hands out neither that one nor the protocol between, but the garbage collector knows who refers to whom.
Called by protocol.py.
"""

import asyncio
import gc
from typing import Any


def bound_unsent(transport: asyncio.Transport, size: int) -> None:
    """Have a protocol told to pause once so many bytes wait, wherever they do."""
    transport.set_write_buffer_limits(high=size)
    if transport.get_extra_info("ssl_object") is None:
        return
    for below in _below(transport):
        below.set_write_buffer_limits(high=size)


def _below(transport: asyncio.Transport) -> list[Any]:
    """The transport that a TLS one of uvloop's writes to."""
    between = [part for part in gc.get_referents(transport) if type(part).__name__ == "SSLProtocol"]
    parts = gc.get_referents(*between)
    return [part for part in parts if part is not transport and hasattr(part, "set_write_buffer_limits")]
