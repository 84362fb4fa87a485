"""A TLS server that takes client certificates as they are, so that a bad one can be answered and not just cut off.

OpenSSL leaves the verdict on a client's chain to a callback (SSL_CTX_set_cert_verify_callback); the standard library
has no word for it, so it is set through ctypes, on the library and the context that `ssl` itself uses. Where the
library can't be reached, as in interpreters that are linked into one file, the handshake goes on verifying: foreign
certificates end it then, and NO_CHECK_TIME leaves those out of date to the handler. Called by tls.py.
"""

import ctypes
import ssl
from functools import cache
from typing import Any

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_TAKE = _Callback(lambda store, argument: 1)


def take_any(context: ssl.SSLContext) -> bool:
    """Have the context accept every client certificate from now on; False where that can't be arranged."""
    library = _library()
    address = ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value  # PySSLContext.ctx
    if library is None or address is None or not _is_of(library, context, address):
        return False
    library.SSL_CTX_set_cert_verify_callback(address, _TAKE, None)
    return True


@cache
def _library() -> Any:
    """The OpenSSL that `ssl` is linked to."""
    try:
        import _ssl

        library = ctypes.CDLL(_ssl.__file__)
        library.SSL_CTX_set_cert_verify_callback.argtypes = (ctypes.c_void_p, _Callback, ctypes.c_void_p)
        library.SSL_CTX_set_cert_verify_callback.restype = None
        library.SSL_CTX_get_verify_mode.argtypes = (ctypes.c_void_p,)
    except (ImportError, AttributeError, OSError):
        return None
    return library


def _is_of(library: Any, context: ssl.SSLContext, address: int) -> bool:
    """Whether the address is that of the context, which follows what is set through the front door."""
    mode, found = context.verify_mode, []
    for each in (ssl.CERT_NONE, ssl.CERT_OPTIONAL):
        context.verify_mode = each
        found.append(library.SSL_CTX_get_verify_mode(address) == each)
    context.verify_mode = mode
    return all(found)
