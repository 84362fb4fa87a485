"""All paths that are no resources, put together."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Protocol

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from sampan.apiserver.beside import beside
from sampan.apiserver.discovery.model import RemoteVersion
from sampan.apiserver.discovery.paths import discovery_paths
from sampan.apiserver.discovery.views import LegacyDiscovery
from sampan.apiserver.fairness.dumps import Dumps
from sampan.apiserver.fairness.fairness import Fairness
from sampan.apiserver.metrics import Metrics
from sampan.apiserver.nonresource.health import Checks, health
from sampan.apiserver.nonresource.openapi import OpenAPI
from sampan.apiserver.nonresource.openid import OpenID
from sampan.apiserver.nonresource.paths import Answer, NonResource, paths_document
from sampan.apiserver.nonresource.version import version_reply
from sampan.apiserver.routes import Routes
from sampan.transport.messages import Response


class Described(Protocol):
    """What these paths ask of the server."""

    metrics: Metrics
    openapi: OpenAPI
    openid: OpenID
    dumps: Dumps
    fairness: Fairness

    @property
    def address(self) -> str:
        """host:port, as discovery gives it."""

    @property
    def legacy_discovery(self) -> LegacyDiscovery:
        """Who sees legacy versions."""

    def remote_versions(self) -> Iterable[RemoteVersion]:
        """The versions that other servers have, behind this one."""

    def liveness(self) -> Checks:
        """The checks of /livez."""

    def healthiness(self) -> Checks:
        """The checks of /healthz."""

    def readiness(self) -> Checks:
        """The checks of /readyz."""


def nonresource(server: Described, routes: Routes) -> NonResource:
    """The table of a server that serves these routes. Many tables may come and go before somebody discovers them."""

    @cache
    def discovery() -> Mapping[str, Answer]:
        return discovery_paths(routes, lambda: server.address, server.legacy_discovery, server.remote_versions())

    found = NonResource(late=discovery)
    found.exact["/version"] = version_reply
    found.exact["/metrics"] = lambda request: _metrics(server)
    found.exact |= server.openid.paths() | server.dumps.paths()
    found.prefixes["healthz"] = lambda request: health("healthz", server.healthiness(), request)
    found.prefixes["livez"] = lambda request: health("livez", server.liveness(), request)
    found.prefixes["openapi"] = server.openapi.answer
    found.prefixes["readyz"] = lambda request: health("readyz", server.readiness(), request)
    found.exact["/"] = lambda request: Response(200, orjson.dumps(paths_document(_paths(found))))
    return found


def _paths(table: NonResource) -> Iterable[str]:
    """But for the pages for debugging, which upstream does not list either."""
    exact = (path for path in table.exact if not path.startswith("/debug/"))
    return [*exact, *table.late(), *(f"/{name}" for name in table.prefixes)]


async def _metrics(server: Described) -> Response:
    """Very many series take long to write: beside the loop, by collectors that only read what they count."""
    server.fairness.current()
    text = await beside(True, generate_latest, server.metrics.registry)
    return Response(200, text, CONTENT_TYPE_LATEST)
