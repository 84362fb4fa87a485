"""The parts of aggregation put together; server.py has one of these.

aggregation.backends, .proxy         for the request path
aggregation.discovery, .specs        what the other servers have
await aggregation.run(...)           keeps all of it in step, until cancelled
"""

import asyncio

from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.aggregation.connections import Connections
from sampan.apiserver.aggregation.controller import AvailabilityController
from sampan.apiserver.aggregation.discovery import RemoteDiscovery
from sampan.apiserver.aggregation.follow import Backends
from sampan.apiserver.aggregation.metrics import AvailabilityMetrics
from sampan.apiserver.aggregation.openapi import RemoteSpecs
from sampan.apiserver.aggregation.proxy import Proxy
from sampan.apiserver.aggregation.registration import RegistrationController
from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.machinery.catalogue import Catalogue
from sampan.reconcile.clock import Clock
from sampan.reconcile.controller import Context
from sampan.reconcile.manager import run_together
from sampan.reconcile.metrics import ReconcileMetrics
from sampan.storage.cache import Cache


class Aggregation:
    """See the module."""

    def __init__(self, cache: Cache, connections: Connections, clock: Clock, registry: CollectorRegistry) -> None:
        self.connections = connections
        self.backends = Backends(cache)
        self.proxy = Proxy(connections)
        self.discovery = RemoteDiscovery(self.backends, connections, clock)
        self.specs = RemoteSpecs(self.backends, connections, self.proxy, clock)
        self._clock, self._metrics = clock, AvailabilityMetrics(registry)

    async def run(self, client: Client, builtin: Catalogue) -> None:
        """Keep conditions, registrations and discovery."""
        informers = Informers(client, sleep=self._clock.sleep)
        context = Context(client, informers, self._clock, ReconcileMetrics(None))
        controllers = (
            AvailabilityController(context, self.connections, self._metrics),
            RegistrationController(context, builtin),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self.discovery.run(), name="discovery of other servers")
            group.create_task(self.specs.run(), name="OpenAPI of other servers")
            group.create_task(run_together(controllers, informers), name="APIServices")
