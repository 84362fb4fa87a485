"""One question to one resolver: over UDP, and over TCP where the answer is too large. Called by forward.py."""

import asyncio
import secrets

from sampan.dns.resolvconf import Upstream
from sampan.dns.wire import MessageError, is_response, is_truncated, parse_question


async def exchange(query: bytes, upstream: Upstream, timeout: float) -> bytes:
    """The whole answer, with an id of its own. Raises TimeoutError (after `timeout` seconds) and OSError.

    A random id and a socket, so a port, of its own for each question: RFC 5452.
    """
    query = secrets.token_bytes(2) + query[2:]
    async with asyncio.timeout(timeout):
        answer = await _udp(query, upstream)
        return await _tcp(query, upstream) if is_truncated(answer) else answer


async def _udp(query: bytes, upstream: Upstream) -> bytes:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Client(query, waiting), remote_addr=upstream)
    try:
        transport.sendto(query)
        return await waiting
    finally:
        transport.close()


class _Client(asyncio.DatagramProtocol):
    def __init__(self, query: bytes, waiting: asyncio.Future[bytes]) -> None:
        self._query = query
        self._waiting = waiting

    def datagram_received(self, data: bytes, address: object) -> None:
        if not self._waiting.done() and answers(data, self._query):
            self._waiting.set_result(data)

    def error_received(self, error: Exception) -> None:
        """ICMP says that nobody listens there."""
        if not self._waiting.done():
            self._waiting.set_exception(error)


async def _tcp(query: bytes, upstream: Upstream) -> bytes:
    reader, writer = await asyncio.open_connection(*upstream)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(await reader.readexactly(2), "big")
        answer = await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the resolver closed the connection") from error
    finally:
        writer.close()
    if not answers(answer, query):
        raise ConnectionError("the resolver answered something else")
    return answer


def answers(answer: bytes, query: bytes) -> bool:
    """Whether this is the answer to the query: same id and same question."""
    try:
        if answer[:2] != query[:2] or not is_response(answer):
            return False
        if is_truncated(answer):
            return True  # some leave the question out too; it is asked again over TCP anyway
        theirs, ours = parse_question(answer), parse_question(query)
    except MessageError:
        return False
    return (theirs.name, theirs.type, theirs.cls) == (ours.name, ours.type, ours.cls)
