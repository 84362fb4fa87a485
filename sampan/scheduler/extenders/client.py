"""Requests to one extender: POSTs of JSON, over kept-alive connections.

Failures are told in the words of Go's net/http, which operators know from upstream.
"""

import asyncio
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from sampan.client.https import user_agent
from sampan.scheduler.configuration.extender import ExtenderConfiguration, TLSConfiguration
from sampan.scheduler.extenders.wire import ExtenderError
from sampan.transport.connection import HTTPClient
from sampan.transport.go_errors import dial_text
from sampan.transport.tls import client_context

LONGEST = 64 << 20  # bytes of an answer, which may list every node
_LATE = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


class ExtenderClient:
    """Made at the start: reads the files of the TLS configuration. Raises ExtenderError."""

    def __init__(self, configuration: ExtenderConfiguration) -> None:
        self._prefix = configuration.url_prefix.rstrip("/")
        self._timeout = configuration.timeout
        self._tls = configuration.tls
        self._context = _context(configuration) if self._prefix.startswith("https:") else None
        self._http: HTTPClient | None = None

    async def post(self, verb: str, body: bytes, *, again: bool = True) -> bytes:
        """The answer to a verb; asked `again` where a kept connection turns out to be none. Raises ExtenderError."""
        url = f"{self._prefix}/{verb}"
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    return await self._post(verb, url, body)
                except ConnectionError as error:
                    if not again or isinstance(error, ConnectionRefusedError):
                        raise
                return await self._post(verb, url, body)
        except TimeoutError:
            raise ExtenderError(f'Post "{url}": {_LATE}') from None
        except socket.gaierror as error:
            raise ExtenderError(f'Post "{url}": dial tcp: lookup {parts.hostname}: no such host') from error
        except (OSError, ValueError) as error:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            raise ExtenderError(f'Post "{url}": {dial_text(parts.hostname or "", port, error)}') from error

    async def _post(self, verb: str, url: str, body: bytes) -> bytes:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise ValueError(f'unsupported protocol scheme "{parts.scheme}"')
        if self._http is None:
            headers = {"Content-Type": "application/json", "User-Agent": user_agent("kube-scheduler")}
            base = f"{parts.scheme}://{parts.netloc}"
            self._http = HTTPClient(base, self._context, headers, server_name=self._tls.server_name)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        async with self._http.stream("POST", target, (), body) as answer:
            if answer.status != 200:
                raise ExtenderError(f"failed {verb} with extender at URL {url}, code {answer.status}")
            found = bytearray()
            async for piece in answer.body:
                found += piece
                if len(found) > LONGEST:
                    raise ExtenderError(f"the answer of {url} is longer than {LONGEST} bytes")
            return bytes(found)

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.close()


def _context(configuration: ExtenderConfiguration) -> ssl.SSLContext:
    """Whom to trust, and who asks. Without an authority, enableHTTPS trusts everybody, as upstream."""
    tls = configuration.tls
    authority = _material(tls.ca_data, tls.ca_file)
    if tls.insecure and authority:
        raise ExtenderError("specifying a root certificates file with the insecure flag is not allowed")
    certificate, key = _material(tls.cert_data, tls.cert_file), _material(tls.key_data, tls.key_file)
    trusting = tls.insecure or (configuration.enable_https and not authority)
    try:
        return client_context(authority, *((certificate, key) if certificate and key else ()), verify=not trusting)
    except (ssl.SSLError, ValueError) as error:
        raise ExtenderError(_which(tls, error)) from error


def _which(tls: TLSConfiguration, error: Exception) -> str:
    if "cadata" in str(error):
        return "unable to load root certificates: unable to parse bytes as PEM block"
    return f"{tls.cert_file or tls.ca_file or 'tlsConfig'}: {error}"


def _material(data: bytes, file: str) -> bytes:
    if data or not file:
        return data
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ExtenderError(f"open {file}: {(error.strerror or str(error)).lower()}") from error
