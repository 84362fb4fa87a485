"""Events to a server that takes lists of them: POST of an EventList to the server of a kubeconfig file.

Whatever goes wrong is tried again, five times in all, ever more slowly. Rules:
k8s.io/apiserver/plugin/pkg/audit/webhook, pkg/util/webhook (WithExponentialBackoff).
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from urllib.parse import urlsplit

from sampan.apiserver.audit.event import Event, encoded_list
from sampan.apiserver.audit.metrics import AuditMetrics
from sampan.client.https import connection
from sampan.client.kubeconfig import Access
from sampan.transport.connection import HTTPClient
from sampan.transport.go_errors import dial_text

log = logging.getLogger(__name__)

_PLUGIN = "webhook"
_TIMEOUT = 30.0  # seconds for one attempt
_STEPS, _FACTOR, _JITTER = 5, 1.5, 0.2
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, */*"}
_LAST = 10.0  # seconds that what is under way may take when the server stops
_SHOWN = 1024  # characters of a refusal


class Webhook:
    """`backoff`: seconds before the second attempt."""

    def __init__(self, access: Access, backoff: float, metrics: AuditMetrics) -> None:
        self._access = access
        self._backoff = backoff
        self._metrics = metrics
        self._client: HTTPClient
        self._tasks: set[asyncio.Task[bool]] = set()

    async def start(self) -> None:
        server = self._access.server
        parts = urlsplit(server if "://" in server else f"https://{server}")
        base = f"{parts.scheme}://{parts.netloc}"
        self._client = await asyncio.to_thread(connection, base, self._access, "kube-apiserver", _HEADERS)
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def process(self, events: Sequence[Event]) -> "asyncio.Future[bool]":
        task = asyncio.create_task(self._deliver(events), name="audit webhook")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _deliver(self, events: Sequence[Event]) -> bool:
        body = await asyncio.to_thread(encoded_list, events)
        wait, why = self._backoff, ""
        for step in range(_STEPS):
            if step:
                await asyncio.sleep(wait * (1 + _JITTER * random.random()))
                wait *= _FACTOR
            why = await self._post(body)
            if not why:
                return True
            log.warning("audit webhook: attempt %d of %d failed: %s", step + 1, _STEPS, why)
        self._metrics.lost(_PLUGIN, why, events)
        return False

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST)
        for task in self._tasks:
            task.cancel()
        await self._client.close()

    async def _post(self, body: bytes) -> str:
        """What went wrong; "" if nothing did."""
        try:
            answer = await self._client.request("POST", self._path, body=body, timeout=_TIMEOUT)
        except TimeoutError:
            return f'Post "{self._access.server}": context deadline exceeded'
        except (OSError, ValueError) as error:
            return f'Post "{self._access.server}": {dial_text(self._host, self._port, error)}'
        if 200 <= answer.status < 300:
            return ""
        text = answer.body[:_SHOWN].decode(errors="replace").strip() or f"status {answer.status}"
        return f'an error on the server ("{text}") has prevented the request from succeeding'
