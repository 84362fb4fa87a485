"""What the proxy itself answers where no backend does, and what it makes of a failure. Texts: Go's net/http, and
k8s.io/kube-aggregator/pkg/apiserver (handler_proxy.go): plain text, no Status."""

from sampan.apiserver.webhooks.addresses import Address
from sampan.transport.go_errors import dial_text
from sampan.transport.messages import Response

_TEXT = "text/plain; charset=utf-8"
REDIRECTED = "the backend attempted to redirect this request, which is not permitted"


def plain(status: int, text: str) -> Response:
    """An error as Go's http.Error writes it."""
    return Response(status, f"{text}\n".encode(), _TEXT, (("X-Content-Type-Options", "nosniff"),))


def unavailable() -> Response:
    """For a version whose backend did not pass its checks."""
    return plain(503, "service unavailable")


def why_not(address: Address, error: Exception) -> str:
    """Why there was no answer."""
    if isinstance(error, TimeoutError) and not error.errno:
        return "context deadline exceeded"
    return dial_text(*address, error)
