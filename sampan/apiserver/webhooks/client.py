"""Requests to webhooks: HTTPS to a URL or a Service, trusted by the bundle of the configuration.

    body = await client.post(hook["clientConfig"], review, timeout=10)      # raises WebhookFailed

Connections are kept per configuration, at most MAX_CLIENTS of them. What goes wrong is told in the words of Go's
net/http, which operators know from upstream's messages. Called for conversion and admission.
"""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sampan.apiserver.webhooks.addresses import Address, Resolve, Unresolved
from sampan.transport.connection import HTTPClient
from sampan.transport.go_errors import go_text, shown
from sampan.transport.pool import ClientPool
from sampan.transport.tls import client_context

Tree = Mapping[str, Any]

MAX_CLIENTS = 64
MAX_ANSWER = 16 << 20  # bytes of a body
_JSON = "application/json"
_HEADERS = {"Content-Type": _JSON, "Accept": f"{_JSON}, */*", "User-Agent": "kube-apiserver-admission"}


class WebhookFailed(Exception):
    """A webhook could not be asked, or did not answer as one."""


class WebhookClient:
    """One for a server."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._clients: ClientPool[tuple[str, int, str, str]] = ClientPool(MAX_CLIENTS)

    async def post(self, config: Tree, body: bytes, *, timeout: float, query: str = "") -> bytes:
        """The body of the answer to a POST; `config` is a clientConfig. Raises WebhookFailed."""
        url = url_of(config) + (f"?{query}" if query else "")
        try:
            async with asyncio.timeout(timeout):
                return await self._post(config, url, body)
        except TimeoutError:
            raise WebhookFailed(f'Post "{url}": context deadline exceeded') from None
        except Unresolved as error:
            raise WebhookFailed(str(error)) from None
        except (OSError, ValueError) as error:
            raise WebhookFailed(f'Post "{url}": {go_text(error)}') from error

    async def _post(self, config: Tree, url: str, body: bytes) -> bytes:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        client = await self._client(config, parts.hostname or "", parts.port or 443)
        async with client.stream("POST", target, _HEADERS, body) as answer:
            found = bytearray()
            async for piece in answer.body:
                found += piece
                if len(found) > MAX_ANSWER:
                    raise WebhookFailed(f"the answer is longer than {MAX_ANSWER} bytes")
            if not 200 <= answer.status < 300:
                raise WebhookFailed(_refused(answer.status, bytes(found)))
            return bytes(found)

    async def _client(self, config: Tree, host: str, port: int) -> HTTPClient:
        """The client of a configuration: endpoints may change, so the address is part of what it is known by."""
        address, bundle = Address(host, port), config.get("caBundle") or ""
        if service := config.get("service"):
            address = self._resolve(service["namespace"], service["name"], service.get("port") or 443)
        known = (*address, host, bundle)
        if client := self._clients.find(known):
            return client
        context = await asyncio.to_thread(client_context, base64.b64decode(bundle))
        url, headers = f"https://{shown(*address)}", {"Host": host if port == 443 else f"{host}:{port}"}
        return await self._clients.get(known, lambda: HTTPClient(url, context, headers, server_name=host))

    async def close(self) -> None:
        """Close all connections."""
        await self._clients.close()


def url_of(config: Tree) -> str:
    """The URL of a clientConfig: its own, or that of its Service's name in the cluster."""
    if url := config.get("url"):
        return str(url)
    service = config["service"]
    path = (service.get("path") or "").lstrip("/")
    return f"https://{service['name']}.{service['namespace']}.svc:{service.get('port') or 443}/{path}"


def _refused(status: int, body: bytes) -> str:
    text = body.decode(errors="replace").strip() or f"status {status}"
    return f'an error on the server ("{text}") has prevented the request from succeeding'
