"""The certificates that a peer has offered at the handshake. Called for each connection of a server."""

import asyncio
from collections.abc import Sequence
from typing import Any


def peer_chain(transport: asyncio.BaseTransport) -> Sequence[bytes]:
    """As DER, the peer's own first, as they were sent; empty without TLS, or where none was offered."""
    tls: Any = transport.get_extra_info("ssl_object")
    own = tls.getpeercert(binary_form=True) if tls is not None else None
    if own is None:
        return ()
    return [own, *(certificate for certificate in _sent(tls) if certificate != own)]


def _sent(tls: Any) -> Sequence[bytes]:
    """Python 3.13 has a name for it that is not private."""
    if hasattr(tls, "get_unverified_chain"):
        found: Sequence[bytes] = tls.get_unverified_chain()
        return found
    return [certificate.public_bytes(_DER) for certificate in tls._sslobj.get_unverified_chain() or ()]


_DER = 2  # _ssl.ENCODING_DER
