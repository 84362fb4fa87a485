"""Metrics of a test's own."""

import pytest
from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.audit.metrics import AuditMetrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> AuditMetrics:
    return AuditMetrics(registry)
