"""The HTTP/1.1 server: listeners, the set of open connections, timeouts, and an orderly end."""

import ssl
from collections.abc import Callable

from sampan.transport.limits import Limits
from sampan.transport.messages import Handler, Response

ErrorResponse = Callable[[int, str], Response]


def plain_error(status: int, message: str) -> Response:
    """The body of an error that the transport itself answers, as text."""
    return Response(status, message.encode() + b"\n", "text/plain; charset=utf-8")


class HTTPServer:
    """Serves `handler` on any number of listeners."""

    def __init__(
        self, handler: Handler, *, limits: Limits | None = None, error_response: ErrorResponse = plain_error
    ) -> None: ...

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Listen; port 0 picks a free one. Returns the port. Raises OSError."""
        raise NotImplementedError

    async def stop(self, grace: float = 0.0) -> None:
        """Stop accepting, end streams, give requests under way `grace` seconds, then close everything."""
        raise NotImplementedError
