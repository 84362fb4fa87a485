"""The client's side of a request whose body comes in pieces: sent while the answer may already be read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from sampan.transport.raw import RawConnection
from sampan.transport.writing import LAST_CHUNK, chunk


class OutgoingBody(Protocol):
    """What can be sent; iterating raises ConnectionError where its source breaks off."""

    length: int | None  # None: sent in chunks

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Sender:
    """Sends a body on a connection, as fast as the server takes it, until it has ended or `stop` is called."""

    def __init__(self, connection: RawConnection, body: OutgoingBody) -> None:
        self.complete = False
        self._connection, self._body = connection, body
        self._task = asyncio.get_running_loop().create_task(self._send(), name="request body")

    async def _send(self) -> None:
        chunked = self._body.length is None
        pieces = aiter(self._body)
        while (piece := await self._next(pieces)) is not None:
            if piece and not await self._write(chunk(piece) if chunked else piece):
                return
        self.complete = not self._connection.transport.is_closing() and (not chunked or await self._write(LAST_CHUNK))

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        """The next piece; the server must not take a part for the whole."""
        try:
            return await anext(pieces, None)
        except ConnectionError:
            self._connection.abort()
            return None

    async def _write(self, data: bytes) -> bool:
        """Whether the server still takes it; it may have answered before it broke off, so that is no failure."""
        try:
            await self._connection.write(data)
        except ConnectionError:
            return False
        return True

    async def stop(self) -> None:
        """Send no more."""
        self._task.cancel()
        await asyncio.wait([self._task])
