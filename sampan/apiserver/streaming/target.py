"""Where a stream goes: one kubelet's endpoint."""

import ssl
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KubeletTarget:
    """A request to a kubelet: https when `ssl_context` is given (with the API server's client certificate)."""

    host: str
    port: int
    path: str  # percent-encoded: /exec/default/web/nginx
    query: str  # without "?": command=ls&output=1
    ssl_context: ssl.SSLContext | None = None
