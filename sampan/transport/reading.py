"""The client's side of one exchange: a response, read from a raw connection as it arrives."""

from collections.abc import AsyncIterator

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from sampan.transport.raw import RawConnection

MAX_HEAD = 1 << 20


class ProtocolError(ConnectionError):
    """The server's answer is not HTTP, or ended before it was complete."""


class ResponseReader:
    """First `head()`, then `pieces()`; `reusable` says afterwards whether the connection may serve again."""

    def __init__(self, connection: RawConnection, method: str) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}  # repeated ones joined by ", "
        self.lines: list[tuple[str, str]] = []  # each by itself, as they came
        self.started = False  # whether the server has sent anything
        self.rest = b""  # after a 101: the first bytes of the new protocol
        self._connection = connection
        self._method = method
        self._parser = HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._head_done = False
        self._done = False
        self._clean = True
        self._keep_alive = False

    async def head(self) -> None:
        """Read status and headers, passing over 1xx answers other than 101. Raises ConnectionError."""
        size = 0
        while not self._head_done:
            data = await self._connection.read()
            if not data:
                raise ProtocolError("the server closed the connection without an answer")
            size += len(data)
            self.started = True
            self._feed(data)
            if size > MAX_HEAD and not self._head_done:
                raise ProtocolError("the response's headers are too large")
        if self._method == "HEAD" and not self._done:
            self._done, self._clean = True, False  # the parser waits for a body that will not come

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives; raises ConnectionError where it breaks off."""
        while True:
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                yield piece
            if self._done:
                return
            data = await self._connection.read()
            if data:
                self._feed(data)
            elif self._delimited:
                raise ProtocolError("the response broke off")
            else:
                self._done, self._clean = True, False

    @property
    def reusable(self) -> bool:
        """Whether the response is complete and the connection stays open."""
        return self._done and self._clean and self._keep_alive and self._connection.usable

    @property
    def _delimited(self) -> bool:
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    def _feed(self, data: bytes) -> None:
        if self._done:
            self._clean = False  # bytes that nobody asked for
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self.rest = data[upgrade.args[0] :]
        except HttpParserError as error:
            if not self._done:
                raise ProtocolError(f"malformed response: {error}") from error
            self._clean = False

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:
            return  # a trailer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        self.lines.append((key, text))
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._head_done:
            self._clean = False  # a second response: not ours
        elif 100 <= status < 200 and status != 101:
            self.headers, self.lines = {}, []
        else:
            self.status, self._head_done = status, True

    def on_body(self, piece: bytes) -> None:
        if not self._done:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self._done = self._head_done
        self._keep_alive = self._parser.should_keep_alive()
