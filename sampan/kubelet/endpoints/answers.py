"""What the kubelet's endpoints answer with."""

from collections.abc import Sequence

import orjson

from sampan.machinery.meta import Object
from sampan.transport.messages import Response

TEXT = "text/plain; charset=utf-8"


class HTTPError(Exception):
    """An answer other than success; str() is its body."""

    def __init__(self, status: int, message: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers

    def response(self) -> Response:
        """As it is sent."""
        return Response(self.status, str(self).encode(), TEXT, self.headers)


NOT_FOUND = "404: Page Not Found"


def text(body: str) -> Response:
    """Success, as text."""
    return Response(200, body.encode(), TEXT)


def document(tree: Object) -> Response:
    """Success, as JSON."""
    return Response(200, orjson.dumps(tree))
