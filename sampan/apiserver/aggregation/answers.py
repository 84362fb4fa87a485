"""What the proxy itself answers where no backend does, and what it makes of a failure. Texts: Go's net/http, and
k8s.io/kube-aggregator/pkg/apiserver (handler_proxy.go): plain text, no Status."""

import os
import ssl

from sampan.apiserver.webhooks.addresses import Address
from sampan.apiserver.webhooks.client import go_text
from sampan.transport.messages import Response

_TEXT = "text/plain; charset=utf-8"
REDIRECTED = "the backend attempted to redirect this request, which is not permitted"


def plain(status: int, text: str) -> Response:
    """An error as Go's http.Error writes it."""
    return Response(status, f"{text}\n".encode(), _TEXT, (("X-Content-Type-Options", "nosniff"),))


def unavailable() -> Response:
    """For a version whose backend did not pass its checks."""
    return plain(503, "service unavailable")


def dial_text(address: Address, error: Exception) -> str:
    """Why there was no answer."""
    if isinstance(error, TimeoutError):
        return "context deadline exceeded"
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return f"dial tcp {shown(address)}: connect: {os.strerror(error.errno).lower()}"
    return go_text(error)


def shown(address: Address) -> str:
    """host:port, as in a URL."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"
