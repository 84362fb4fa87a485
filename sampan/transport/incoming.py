"""A request's body, read while it arrives: for what is passed on to another server, and so may be of any length.

The parser fills it, the handler's task reads it, and the connection holds the client back once HIGH_WATER bytes wait.
Which requests come this way the server's owner says (HTTPServer's `streamed`); all others are read whole.
"""

import asyncio
from collections import deque
from collections.abc import Callable

HIGH_WATER = 256 * 1024


class IncomingBody:
    """An asynchronous iterator over the pieces. Raises ConnectionError where the client breaks off."""

    def __init__(self, length: int | None, *, expects_continue: bool = False) -> None:
        self.length = length  # None: it comes in chunks
        self.complete = length == 0  # nothing more will come
        self.expects_continue = expects_continue  # the client waits for "100 Continue"
        self.on_read: Callable[[], None] = _nothing  # called when somebody waits for more
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._broken = False
        self._reader: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        """Whether the client is to be held back."""
        return self._size > HIGH_WATER

    # What the parser and the connection call.

    def feed(self, piece: bytes) -> None:
        """More has come."""
        self.expects_continue = False
        self._pieces.append(piece)
        self._size += len(piece)
        self._wake()

    def end(self) -> None:
        """All has come."""
        self.complete = True
        self._wake()

    def fail(self) -> None:
        """The rest will not come."""
        self._broken = not self.complete
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # What the handler calls.

    def whole(self) -> bytes:
        """The body at once where all of it has come; b"" where it has not, and where there is none."""
        if not self.complete:
            return b""
        body, self._size = b"".join(self._pieces), 0
        self._pieces.clear()
        return body

    def __aiter__(self) -> "IncomingBody":
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._broken:
                raise ConnectionResetError("the client broke off its request")
            if self.complete:
                raise StopAsyncIteration
            self.on_read()
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if not self._pieces:
            self.on_read()
        return piece


def _nothing() -> None:
    """For a body that nobody has been lent yet."""
