"""From bytes to requests: one parser per server connection, no I/O.

httptools (llhttp in its strict mode) does the framing and refuses what request smuggling lives on: Content-Length
beside Transfer-Encoding, repeated or signed lengths, bare LF and CR, folded headers, space before a colon, malformed
chunks. What RFC 9112 leaves to the application is checked here: version, Host, transfer coding, sizes, expectations.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from sampan.transport.incoming import IncomingBody
from sampan.transport.limits import Limits
from sampan.transport.messages import Request
from sampan.transport.target import decode_path, split_target

UPGRADES = frozenset({"websocket", "spdy/3.1"})
_SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS"})  # which seldom have one


class Refusal(Exception):
    """A request that the transport answers itself; the connection is closed after it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Framing(NamedTuple):
    """What the connection has to know to answer a request."""

    keep_alive: bool
    chunkable: bool  # HTTP/1.1, which knows chunked responses
    upgrade: bool = False  # what follows is no longer HTTP, should the handler agree


PERSISTENT = Framing(True, True)  # nearly every request's

Incoming = tuple[Request, Framing]
Streamed = Callable[[Request], bool]  # whether a request's body is to be read as it comes; asked once its head has


@lru_cache(maxsize=1024)
def _lower(name: bytes) -> str:
    return name.decode("ascii").lower()


_USUAL = 64  # bytes of a header's name that is remembered


@lru_cache(maxsize=64)
def _method(name: bytes) -> str:
    return name.decode("ascii")


def never(request: Request) -> bool:
    """All bodies are read whole."""
    return False


class RequestParser:
    """Feed it bytes; take requests, in order, from `ready`. A Refusal there is the last item."""

    __slots__ = (
        "_body",
        "_chunkable",
        "_headers",
        "_heads_first",
        "_limits",
        "_lines",
        "_parser",
        "_peer",
        "_received",
        "_remote",
        "_repeated",
        "_request",
        "_streamed",
        "_url",
        "expects_continue",
        "finished",
        "in_body",
        "on_url",
        "ready",
        "rest",
        "stream",
        "upgrading",
    )

    def __init__(
        self,
        limits: Limits,
        remote: str = "",
        peer: Sequence[bytes] = (),
        streamed: Streamed = never,
        heads_first: bool = False,
    ) -> None:
        self._limits = limits
        self._streamed, self._heads_first = streamed, heads_first
        self._remote = remote
        self._peer = (peer[0], tuple(peer[1:])) if peer else (None, ())
        self.ready: deque[Incoming | Refusal] = deque()
        self.finished = False  # nothing more can be parsed: after a refusal, "Connection: close", or an upgrade
        self.upgrading = False  # the last request asked for an upgrade; `rest` is what followed its head
        self.rest = b""
        self._url: list[bytes] = []  # in pieces, as they come
        self.on_url = self._url.append
        self._parser = HttpRequestParser(self)
        self._reset()

    def _reset(self) -> None:
        self._url.clear()
        self._headers: dict[str, str] = {}
        self._request: Request | None = None  # made before its body has come
        self._body: bytearray | None = None
        self.stream: IncomingBody | None = None  # the body that is coming now, of a request that is ready already
        self._received = 0  # bytes fed since the head began, and perhaps more
        self._repeated = 0  # headers that were joined to an earlier one
        self._lines: dict[str, list[str]] | None = None  # the lines of these headers, apart
        self.in_body = False  # between the end of the headers and the end of the message
        self.expects_continue = False  # the client waits for "100 Continue" before it sends its body

    @property
    def begun(self) -> bool:
        """Whether a part of a request has come, and its end has not."""
        return bool(self._url)

    def close(self) -> None:
        """Nothing more comes: let go of the parser, which holds this one, so that both are gone at once."""
        self._parser = HttpRequestParser(None)

    def feed(self, data: bytes) -> None:
        """Parse some bytes; a no-op once `finished`."""
        while data and not self.finished:
            data = self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        """Parse up to an upgrade; what comes back is to be parsed again."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            return self._upgraded(data[upgrade.args[0] :])
        except HttpParserCallbackError as error:
            self._failed(error)
        except HttpParserError as error:
            if not self.finished:  # bytes after a "Connection: close" are an error to the parser, but none to us
                self._refuse(Refusal(400, f"malformed HTTP request: {error}"))
        else:
            if self._received > self._limits.head_bytes and self._url and not self.in_body:
                self._refuse(_head_too_large())
        return b""

    def on_header(self, name: bytes, value: bytes) -> None:
        key = _lower(name) if len(name) <= _USUAL else name.decode("ascii").lower()
        headers = self._headers
        if key in headers or self.in_body:
            self._repeat(key, value)
        else:
            headers[key] = value.decode("latin-1").rstrip(" \t")

    def on_headers_complete(self) -> None:
        headers = self._headers
        version = self._parser.get_http_version()
        self._chunkable = version == "1.1"
        if not self._chunkable and version != "1.0":
            raise Refusal(505, "unsupported HTTP version")
        if self._chunkable and "host" not in headers:
            raise Refusal(400, "missing required Host header")
        self._check_head_size()
        self.in_body = True
        if "expect" in headers:
            self._check_expectation(headers)
        if "content-length" in headers:
            self._check_body(int(headers["content-length"]))
        elif "transfer-encoding" in headers:
            self._check_coding(headers["transfer-encoding"])
            self._check_body(None)
        elif self._parser.get_method() not in _SAFE:
            self._check_body(0)

    def _check_body(self, length: int | None) -> None:
        """A body is going to come: as the handler reads it, where that is wanted, or else at once, up to the limit."""
        limit: int | None = self._limits.body_bytes
        if "upgrade" not in self._headers:
            request = self._request = self._make_request()
            if self._streamed(request):
                limit = None
            elif length is not None and length > self._limits.body_bytes:
                raise self._too_large()
            if limit is None or (self._heads_first and length != 0):
                self.stream = IncomingBody(length, limit=limit, expects_continue=self.expects_continue)
                request.stream, self.expects_continue = self.stream, False
                self.ready.append((request, self._framing()))
        elif length is not None and length > self._limits.body_bytes:
            raise self._too_large()

    def on_body(self, piece: bytes) -> None:
        if self.stream is not None:
            self.stream.feed(piece)
            return
        self.expects_continue = False
        if self._body is None:
            self._body = bytearray(piece)
        else:
            self._body += piece
        if len(self._body) > self._limits.body_bytes:
            raise self._too_large()

    def on_message_complete(self) -> None:
        framing = self._framing()
        if self.stream is not None:
            self.stream.end()
        else:
            request = self._request or self._make_request()
            if self._body is not None:
                request.body = bytes(self._body)
            self.ready.append((request, framing))
        self.finished = not framing.keep_alive
        self._reset()

    def _make_request(self) -> Request:
        method = _method(self._parser.get_method())
        if method == "CONNECT":
            raise Refusal(405, "CONNECT is not supported")
        try:
            raw_path, query = split_target(b"".join(self._url).decode("ascii"))
            path = decode_path(raw_path)
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        (peer, chain), lines = self._peer, self._lines
        return Request(method, path, query, self._headers, b"", peer, self._remote, raw_path, lines, peer_chain=chain)

    def _framing(self) -> Framing:
        keep_alive = self._parser.should_keep_alive()
        return PERSISTENT if self._chunkable and keep_alive else Framing(keep_alive, self._chunkable)

    def _repeat(self, key: str, value: bytes) -> None:
        """A header that has come before, or a trailer: nothing here has a use for those, and they would be a hole."""
        if self.in_body:
            return
        if key == "host":
            raise Refusal(400, "too many Host headers")
        self._repeated += 1
        if self._repeated > self._limits.header_count:
            raise _head_too_large()
        line = value.decode("latin-1").rstrip(" \t")
        if self._lines is None:
            self._lines = {}
        self._lines.setdefault(key, [self._headers[key]]).append(line)
        self._headers[key] += ", " + line

    def _check_head_size(self) -> None:
        headers, limits = self._headers, self._limits
        if len(headers) + self._repeated > limits.header_count:
            raise _head_too_large()
        if self._received > limits.head_bytes:  # else it can't be too large
            size = sum(map(len, self._url)) + sum(map(len, headers)) + sum(map(len, headers.values()))
            if size > limits.head_bytes:
                raise _head_too_large()

    def _check_coding(self, coding: str) -> None:
        if not self._chunkable:
            raise Refusal(400, "Transfer-Encoding in an HTTP/1.0 request")
        if coding.lower() != "chunked":
            raise Refusal(501, f"unsupported transfer encoding: {coding!r}")

    def _check_expectation(self, headers: Mapping[str, str]) -> None:
        if headers["expect"].lower() != "100-continue":
            raise Refusal(417, "unsupported expectation")
        self.expects_continue = self._chunkable and ("content-length" in headers or "transfer-encoding" in headers)

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the request body is larger than the limit of {self._limits.body_bytes} bytes")

    def _failed(self, error: HttpParserCallbackError) -> None:
        cause = error.__context__
        if not isinstance(cause, Refusal):
            raise cause or error  # a mistake of ours, never one of the client
        self._refuse(cause)

    def _refuse(self, refusal: Refusal) -> None:
        if self.stream is not None:
            self.stream.fail()  # whoever reads it answers
        else:
            self.ready.append(refusal)
        self._reset()
        self.finished = True

    def _upgraded(self, rest: bytes) -> bytes:
        """The parser has stopped after a head with "Connection: upgrade"."""
        last = self.ready.pop()
        assert not isinstance(last, Refusal)
        request, framing = last
        if framing.chunkable and request.headers["upgrade"].lower() in UPGRADES:
            self.ready.append((request, framing._replace(upgrade=True)))
            self.upgrading = self.finished = True
            self.rest = rest
        else:
            self.finished = False
            self._parser = HttpRequestParser(self)
            return _without_upgrade(request, framing) + rest
        return b""


def _without_upgrade(request: Request, framing: Framing) -> bytes:
    """A request's head without its Upgrade header, which a server may ignore (RFC 9110 section 7.8)."""
    target = f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path
    lines = [f"{request.method} {target} HTTP/1.{int(framing.chunkable)}"]
    lines += [f"{name}: {value}" for name, value in request.all_lines() if name not in ("upgrade", "connection")]
    lines.append("connection: keep-alive" if framing.keep_alive else "connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def _head_too_large() -> Refusal:
    return Refusal(431, "the request's headers are too large")
