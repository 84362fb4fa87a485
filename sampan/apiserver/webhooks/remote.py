"""A webhook of the server's own configuration: where it is, whom it trusts and who asks is in a kubeconfig file.

    tree = await remote.post(review)            # raises APIError, or OSError where it can't be reached

Transient failures are tried again, with growing pauses. Rules: k8s.io/apiserver/pkg/util/webhook (webhook.go).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from sampan.client.https import connection
from sampan.client.kubeconfig import Access
from sampan.client.wire import failure
from sampan.machinery.durations import go_duration
from sampan.machinery.errors import APIError
from sampan.transport.go_errors import dial_text

TIMEOUT = 30.0  # seconds of one call
LONGEST = 3 << 20  # bytes of an answer
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, */*"}
_PAUSE, _FACTOR, _JITTER, _STEPS = 0.5, 1.5, 0.2, 5
_TRANSIENT = frozenset({"InternalError", "Timeout", "TooManyRequests"})


class RemoteWebhook:
    """Made at the start: reads the machine's certificates where the file names none."""

    def __init__(self, access: Access, sleep: Callable[[float], Awaitable[None]], timeout: float | None = None) -> None:
        """Raises ssl.SSLError, ValueError."""
        server = access.server if "://" in access.server else f"https://{access.server}"
        parts = urlsplit(server)
        self._url, self._sleep, self._timeout = server, sleep, TIMEOUT if timeout is None else timeout
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._target = f"{parts.path.rstrip('/') or '/'}?timeout={go_duration(self._timeout)}"
        self._http = connection(f"{parts.scheme}://{parts.netloc}", access, "kube-apiserver", _HEADERS)

    async def post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an object, an object too. Raises APIError, OSError."""
        pause, data = _PAUSE, orjson.dumps(body)
        for step in range(1, _STEPS + 1):
            try:
                return await self._post(data)
            except (APIError, ConnectionResetError) as error:
                if step == _STEPS or not _is_transient(error):
                    raise
            await self._sleep(pause * (1 + _JITTER * random.random()))
            pause *= _FACTOR
        raise AssertionError

    async def _post(self, data: bytes) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._timeout), self._http.stream("POST", self._target, (), data) as answer:
                found = bytearray()
                async for piece in answer.body:
                    found += piece
                    if len(found) > LONGEST:
                        raise OSError(f"the answer of {self._url} is longer than {LONGEST} bytes")
        except ConnectionResetError:
            raise
        except TimeoutError:
            raise OSError(f'Post "{self._url}": context deadline exceeded') from None
        except OSError as error:
            raise OSError(f'Post "{self._url}": {dial_text(self._host, self._port, error)}') from error
        if not 200 <= answer.status < 300:
            raise failure(answer.status, bytes(found))
        try:
            tree = orjson.loads(bytes(found))
        except ValueError as error:
            raise OSError(f"couldn't get version/kind; json parse error: {error}") from None
        if not isinstance(tree, dict):
            raise OSError(f"the answer of {self._url} is no object")
        return tree

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()


def _is_transient(error: Exception) -> bool:
    if isinstance(error, APIError):
        return error.reason in _TRANSIENT or bool(error.details.get("retryAfterSeconds"))
    return isinstance(error, ConnectionResetError)
