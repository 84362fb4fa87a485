"""HTTP probes and hooks: one GET, redirects on the same host followed, any answer below 400 good.

A redirect to another host is a success with a warning: following it would let a pod send the kubelet anywhere. Rules:
docs, "Configure Liveness, Readiness and Startup Probes"; upstream's pkg/probe/http. Called by handlers.py.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import aclosing
from urllib.parse import quote, urljoin, urlsplit

from sampan.kubelet.outcome import Outcome
from sampan.machinery.meta import Object
from sampan.transport.connection import HTTPClient, Streaming
from sampan.transport.go_errors import dial_text
from sampan.transport.reading import ProtocolError

USER_AGENT = "kube-probe/1.37"
MAX_BODY = 10 * 1024  # of an answer, shown in hooks' messages
MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAFE = "/?#[]@!$&'()*+,;=:%-._~"  # in a path and query as the user gives it


class HTTPHandler:
    """Made once: the TLS context costs more than the probes that use it."""

    def __init__(self) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # probes do not verify certificates
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE

    async def get(self, action: Object, host: str, port: int, timeout: float) -> Outcome:
        """What an httpGet action asks of a host and port."""
        scheme, path = (action.get("scheme") or "HTTP").lower(), action.get("path") or "/"
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        url = f"{scheme}://{where}{path if path.startswith('/') else '/' + path}"
        headers = _headers(action)
        try:
            async with asyncio.timeout(timeout):
                for _ in range(MAX_REDIRECTS):
                    status, body, following = await self._ask(url, headers)
                    if following is None or urlsplit(following).hostname != urlsplit(url).hostname:
                        return _outcome(status, body)
                    url = following
        except TimeoutError:
            why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            return Outcome(False, f'Get "{url}": {why}')
        except ValueError as error:  # where a redirect leads
            return Outcome(False, f'Get "{url}": failed to parse Location header: {error}')
        except ProtocolError:
            return Outcome(False, f'Get "{url}": EOF')
        except OSError as error:
            return Outcome(False, f'Get "{url}": {dial_text(*_address(url), error)}')
        return Outcome(False, f'Get "{url}": stopped after {MAX_REDIRECTS} redirects')

    async def _ask(self, url: str, headers: Mapping[str, str]) -> tuple[int, str, str | None]:
        """Status, the beginning of the body, and where a redirect leads. Raises OSError, and ValueError for nowhere."""
        parts = urlsplit(url)
        client = HTTPClient(f"{parts.scheme}://{parts.netloc}", self._tls)
        path = quote(parts._replace(scheme="", netloc="", fragment="").geturl() or "/", safe=_SAFE)
        try:
            async with client.stream("GET", path, headers) as answer:
                location = answer.headers.get("location") if answer.status in _REDIRECTS else None
                return answer.status, await _beginning(answer), _followed(url, location) if location else None
        finally:
            await client.close()


def _followed(url: str, location: str) -> str:
    """Where a redirect leads; raises ValueError where no probe can go."""
    following = urlsplit(urljoin(url, location))
    if following.scheme not in ("http", "https"):
        raise ValueError(f'unsupported protocol scheme "{following.scheme}"')
    _ = following.port  # which is looked at only now
    return following.geturl()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _headers(action: Object) -> Mapping[str, str]:
    given = {header["name"]: header["value"] for header in action.get("httpHeaders") or ()}
    names = {name.lower() for name in given}
    standard = {"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
    return {name: value for name, value in standard.items() if name.lower() not in names} | given


async def _beginning(answer: Streaming) -> str:
    body = bytearray()
    async with aclosing(answer.body) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            body += piece
            if len(body) >= MAX_BODY:
                break
    return bytes(body[:MAX_BODY]).decode(errors="replace")


def _outcome(status: int, body: str) -> Outcome:
    if 300 <= status < 400:
        return Outcome(True, f"Probe terminated redirects, Response body: {body}", warning=True)
    if 200 <= status < 300:
        return Outcome(True, body)
    return Outcome(False, f"HTTP probe failed with statuscode: {status}")
