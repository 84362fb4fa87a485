"""Where a stream goes: one kubelet's endpoint, and what is said when it can't be reached."""

import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from sampan.machinery.errors import APIError
from sampan.transport.connection import HTTPClient
from sampan.transport.messages import Request


@dataclass(frozen=True, slots=True)
class KubeletTarget:
    """A request to a kubelet: https when `ssl_context` is given (with the API server's client certificate)."""

    host: str
    port: int
    path: str  # percent-encoded: /exec/default/web/nginx
    query: str  # without "?": command=ls&output=1
    ssl_context: ssl.SSLContext | None = None

    @property
    def location(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def base_url(self) -> str:
        """The kubelet's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.ssl_context else 'http'}://{host}:{self.port}"

    def client(self) -> HTTPClient:
        """A client of this kubelet."""
        return HTTPClient(self.base_url, self.ssl_context)


def dial_error(target: KubeletTarget, error: OSError) -> str:
    """A failure to reach the kubelet in the words of Go's net package, which people search for."""
    where = f"dial tcp {target.host}:{target.port}: "
    if isinstance(error, TimeoutError):
        return where + "i/o timeout"
    if error.errno is not None and not isinstance(error, ssl.SSLError):
        return f"{where}connect: {os.strerror(error.errno).lower()}"
    return f"{where}{error}"


def unreachable(target: KubeletTarget, error: OSError) -> APIError:
    """The answer when an upgrade finds no kubelet."""
    return APIError(f"error dialing backend: {dial_error(target, error)}", code=500, reason="")


def secrets(request: Request) -> Iterable[str]:
    """The headers that are for the API server only: who asks, and for whom. The kubelet knows us, not the client."""
    for name in request.headers:
        if name in ("authorization", "cookie") or name.startswith(("impersonate-", "x-remote-")):
            yield name
