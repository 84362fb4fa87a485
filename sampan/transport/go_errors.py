"""What Go's net, net/http and crypto/tls say of a failed connection: the words that people know and search for.

Called by whoever tells a client why another server did not answer. Pure.
"""

import os
import ssl


def go_text(error: Exception) -> str:
    """The sentence for a failure, without the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        unknown = error.verify_code in (18, 19, 20, 21)  # X509_V_ERR_*: self-signed, or no issuer that is trusted
        why = "certificate signed by unknown authority" if unknown else error.verify_message
        return f"tls: failed to verify certificate: x509: {why}"
    if isinstance(error, ssl.SSLError):
        plain = error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
        return "tls: first record does not look like a TLS handshake" if plain else str(error)
    if isinstance(error, OSError) and error.errno:
        return f"connect: {_strerror(error.errno)}"
    if isinstance(error, ConnectionRefusedError):
        return "connect: connection refused"
    if isinstance(error, ConnectionError):
        return "EOF" if "closed" in str(error) else str(error)
    return str(error) or type(error).__name__


def dial_text(host: str, port: int, error: Exception) -> str:
    """The sentence for a failure to reach a server, with the address where Go has it."""
    where = f"dial tcp {shown(host, port)}"
    if isinstance(error, TimeoutError) and not error.errno:
        return f"{where}: i/o timeout"
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return f"{where}: connect: {_strerror(error.errno)}"
    return go_text(error)


def shown(host: str, port: int) -> str:
    """host:port, as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _strerror(number: int) -> str:
    return os.strerror(number).lower()
