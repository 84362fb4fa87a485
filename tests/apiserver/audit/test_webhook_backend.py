"""The audit webhook: lists of events that are posted, tried again, and lost when nobody takes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.audit.backends.buffered import Batching, Buffered
from sampan.apiserver.audit.backends.webhook import Webhook
from sampan.apiserver.audit.metrics import AuditMetrics
from sampan.client.kubeconfig import Access
from sampan.transport.messages import Request, Response
from sampan.transport.server import HTTPServer
from sampan.transport.tls import server_context
from tests.apiserver.audit.events import event, lost, started
from tests.apiserver.pki import authority


@asynccontextmanager
async def receiver(statuses: list[int], lists: list[dict[str, object]]) -> AsyncIterator[str]:
    """An HTTPS server that answers with the statuses in turn, and keeps the lists of the good ones; its URL."""

    async def handle(request: Request) -> Response:
        assert request.method == "POST" and request.headers["authorization"] == "Bearer secret"
        status = statuses.pop(0) if statuses else 200
        if status == 200:
            lists.append(orjson.loads(request.body))
        return Response(status, b"no good" if status != 200 else b"")

    server, pair = HTTPServer(handle), authority().issue("localhost", server=True)
    port = await server.start("127.0.0.1", 0, server_context(pair.certificate, pair.key))
    try:
        yield f"https://localhost:{port}/events?timeout=30s"
    finally:
        await server.stop()


async def test_lists_of_events_are_posted_and_failures_tried_again(
    metrics: AuditMetrics, registry: CollectorRegistry
) -> None:
    lists: list[dict[str, object]] = []
    async with receiver([500, 403], lists) as url:
        access = Access(url, ca=authority().certificate, token="secret")
        async with started(Webhook(access, 0.01, metrics)) as backend:
            assert await backend.process([event("a"), event("b")]) is True  # type: ignore[misc]
    (found,) = lists
    assert (found["kind"], found["apiVersion"], found["metadata"]) == ("EventList", "audit.k8s.io/v1", {})
    items = found["items"]
    assert isinstance(items, list) and [item["auditID"] for item in items] == ["a", "b"] and "kind" not in items[0]
    assert lost(registry, "webhook") == 0


async def test_after_five_failures_events_are_lost(
    metrics: AuditMetrics, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiver([500] * 5, []) as url:
        access = Access(url, ca=authority().certificate, token="secret")
        async with started(Webhook(access, 0.001, metrics)) as backend:
            assert await backend.process([event("a")]) is False  # type: ignore[misc]
    assert lost(registry, "webhook") == 1 and 'an error on the server ("no good")' in caplog.text


async def test_a_server_that_is_not_there_holds_nobody_in_batches(
    metrics: AuditMetrics, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    access = Access("127.0.0.1:1", ca=authority().certificate)
    backend = Buffered(Webhook(access, 0.001, metrics), Batching(max_size=2), metrics)
    async with started(backend):
        assert backend.process([event("a"), event("b")]) is None
    assert lost(registry, "webhook") == 2
    assert 'Post "127.0.0.1:1": dial tcp 127.0.0.1:1: connect: connection refused' in caplog.text
