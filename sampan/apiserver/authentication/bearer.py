"""The bearer token of a request: in its Authorization header, or in a WebSocket's subprotocol.

Rules: k8s.io/apiserver/pkg/authentication/request/bearertoken and .../websocket. Called by authenticate.py.
"""

import base64
import binascii
from collections.abc import Mapping

from sampan.apiserver.authentication.attempt import Attempt, Refused
from sampan.transport.messages import Request

# Browsers cannot set headers on a WebSocket: the token then comes as a subprotocol.
TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io."
_SPACE = "the provided Authorization header contains extra space before the bearer token, and is ignored"


def header_token(headers: Mapping[str, str], attempt: Attempt) -> str | None:
    """Of the Authorization header; whatever else it says is nobody's business."""
    parts = headers.get("authorization", "").strip().split(" ", 2)
    if len(parts) < 2 or parts[0].lower() != "bearer":
        return None
    if not parts[1] and len(parts) == 3:
        attempt.warnings.append(_SPACE)
    return parts[1] or None


def websocket_token(request: Request) -> str | None:
    """Of Sec-WebSocket-Protocol, which must name another protocol, too, to be answered with. Raises Refused."""
    headers = request.headers
    if headers.get("upgrade", "").lower() != "websocket" or "upgrade" not in headers.get("connection", "").lower():
        return None
    lines = request.lines("sec-websocket-protocol")
    protocols = [word.strip() for line in lines for word in line.split(",")]
    tokens = [word.removeprefix(TOKEN_PROTOCOL) for word in protocols if word.startswith(TOKEN_PROTOCOL)]
    if len(tokens) > 1:
        raise Refused("multiple base64.bearer.authorization tokens specified")
    token = _decoded(tokens[0]) if tokens else ""
    if token and len(protocols) == 1:
        raise Refused("missing additional subprotocol")
    return token or None


def _decoded(encoded: str) -> str:
    try:
        if not encoded.isascii() or any(sign in encoded for sign in "+/="):  # another alphabet
            raise binascii.Error
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise Refused("invalid base64.bearer.authorization token encoding") from None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Refused("invalid base64.bearer.authorization token") from None
