"""Where a stream goes: one kubelet's endpoint; what may pass there and back, what is said when it can't be reached."""

import ssl
from dataclasses import dataclass, replace

from sampan.apiserver.authentication.bearer import TOKEN_PROTOCOL
from sampan.machinery.errors import APIError
from sampan.transport.connection import HTTPClient
from sampan.transport.go_errors import dial_text, shown
from sampan.transport.messages import Reply, Request, Response

_PROTOCOLS = "sec-websocket-protocol"


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
        return f"{'https' if self.ssl_context else 'http'}://{shown(self.host, self.port)}"

    def client(self) -> HTTPClient:
        """A client of this kubelet."""
        return HTTPClient(self.base_url, self.ssl_context)


def dial_error(target: KubeletTarget, error: OSError) -> str:
    """A failure to reach the kubelet."""
    return dial_text(target.host, target.port, error)


def unreachable(target: KubeletTarget, error: OSError) -> APIError:
    """The answer when an upgrade finds no kubelet."""
    return APIError(f"error dialing backend: {dial_error(target, error)}", code=500, reason="")


def without_secrets(request: Request, *, cookies: bool = False) -> Request:
    """The request without what is for the API server only: who asks, and for whom. The kubelet knows us, not the
    client. With `cookies`, these are another server's."""
    headers = {n: v for n, v in request.headers.items() if not _is_secret(n) or (cookies and n == "cookie")}
    if offered := headers.get(_PROTOCOLS):
        kept = [name for name in map(str.strip, offered.split(",")) if not name.startswith(TOKEN_PROTOCOL)]
        headers[_PROTOCOLS] = ", ".join(kept)
    kept_lines = headers.keys() - {_PROTOCOLS}
    repeated = {name: lines for name, lines in (request.repeated or {}).items() if name in kept_lines}
    return replace(request, headers=headers, repeated=repeated)


def _is_secret(name: str) -> bool:
    return name in ("authorization", "cookie") or name.startswith(("impersonate-", "x-remote-"))


def refuse_redirects(reply: Reply) -> Reply:
    """A node may not send a client, and what the client sends along, elsewhere (CVE-2020-8559). Raises APIError."""
    if isinstance(reply, Response) and 300 <= reply.status < 400:
        raise APIError("the backend attempted to redirect this request, which is not permitted", code=502, reason="")
    return reply
