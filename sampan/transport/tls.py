"""TLS contexts for servers and clients. Key material may be given as PEM bytes or lie in files."""

import ssl


def server_context(certificate: bytes, key: bytes, client_ca: bytes = b"") -> ssl.SSLContext:
    """A server's context (PEM). With a client CA, client certificates are optional, and verified when given."""
    raise NotImplementedError


def client_context(
    ca: bytes = b"", certificate: bytes = b"", key: bytes = b"", *, verify: bool = True
) -> ssl.SSLContext:
    """A client's context (PEM). Without `ca`, the system's certificates are trusted."""
    raise NotImplementedError
