"""A request's body, read while it arrives: by who passes it on to another server, whatever its length, and by who
judges a request by its head before anything of its body is kept.

The parser fills it, the handler's task reads it, and the connection holds the client back once HIGH_WATER bytes wait.
Which requests come this way the server's owner says (HTTPServer's `streamed` and `heads_first`); all others are read
whole.
"""

import asyncio
from collections import deque
from collections.abc import Callable

HIGH_WATER = 256 * 1024


class BodyTooLarge(Exception):
    """A body in chunks has come to more than it may."""


class IncomingBody:
    """An asynchronous iterator over the pieces. Raises ConnectionError where the client breaks off."""

    def __init__(self, length: int | None, *, limit: int | None = None, expects_continue: bool = False) -> None:
        self.length = length  # None: it comes in chunks
        self.limit = limit  # bytes that it may come to; None: any number, for it is passed on
        self.complete = length == 0  # nothing more will come
        self.expects_continue = expects_continue  # the client waits for "100 Continue"
        self.on_read: Callable[[IncomingBody], None] = _nothing  # called when somebody waits for more
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._received = 0
        self._broken: Exception | None = None
        self._reader: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        """Whether the client is to be held back."""
        return self._size > HIGH_WATER

    # What the parser and the connection call.

    def feed(self, piece: bytes) -> None:
        """More has come."""
        self.expects_continue = False
        self._received += len(piece)
        if self.limit is not None and self._received > self.limit:
            self.fail(BodyTooLarge(f"the request body is larger than the limit of {self.limit} bytes"))
            return
        self._pieces.append(piece)
        self._size += len(piece)
        self._wake()

    def end(self) -> None:
        """All has come."""
        self.complete = True
        self._wake()

    def fail(self, error: Exception | None = None) -> None:
        """The rest will not come, or is not wanted."""
        if not self.complete and self._broken is None:
            self._broken = error or ConnectionResetError("the client broke off its request")
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

    async def read(self) -> bytes:
        """All of it. Raises ConnectionError, BodyTooLarge."""
        return b"".join([piece async for piece in self])

    def __aiter__(self) -> "IncomingBody":
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._broken is not None:
                raise self._broken
            if self.complete:
                raise StopAsyncIteration
            self.on_read(self)
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if not self._pieces:
            self.on_read(self)
        return piece


def _nothing(_: IncomingBody) -> None:
    """For a body that nobody has been lent yet."""
