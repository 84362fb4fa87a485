"""Events as backends get them, a backend that is started for a test, and what it lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.audit.backends.backend import Backend
from sampan.apiserver.audit.event import Body, Event
from sampan.apiserver.audit.level import Level

NOON = datetime(2026, 11, 26, 12, 0, 0, 120_000, tzinfo=UTC)


def event(name: str, size: int = 0, level: Level = Level.REQUEST_RESPONSE) -> Event:
    """An event of a request, with an object of a size."""
    fields = {
        "level": level.label,
        "auditID": name,
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/pods",
        "verb": "list",
        "user": {"username": "tim", "groups": ["a", "b"]},
        "sourceIPs": ["10.0.0.1"],
        "userAgent": "kubectl",
        "objectRef": {"resource": "pods", "namespace": "default"},
        "responseStatus": {"metadata": {}, "code": 200},
    }
    body = Body((b'"%b"' % (b"x" * size),)) if size else None
    return Event(level, fields, None, body, NOON, NOON, {"b/c": "2", "a/b": "1"})


def lost(registry: CollectorRegistry, plugin: str) -> float:
    """How many events a plugin has lost."""
    return registry.get_sample_value("apiserver_audit_error_total", {"plugin": plugin}) or 0.0


@asynccontextmanager
async def started(backend: Backend) -> AsyncIterator[Backend]:
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()
