"""The OpenAPI documents of backends: fetched when an APIService changes and every minute, and told of here.

Version 3 is one document for each group and version: the index names those of backends, and requests for them are
passed on. Version 2 is one for everything: fragments of theirs are merged into ours when somebody asks for it. Nobody
has to publish either; a backend without is left out. Upstream: k8s.io/kube-aggregator/pkg/controllers/openapi(v3).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson

from sampan.apiserver.aggregation.backends import Backend, ServicePort
from sampan.apiserver.aggregation.checks import OPENAPI_READER, NoAnswer, ask
from sampan.apiserver.aggregation.connections import Connections
from sampan.apiserver.aggregation.follow import Backends
from sampan.apiserver.aggregation.local import whole
from sampan.apiserver.aggregation.proxy import Proxy
from sampan.machinery import openapi_protobuf
from sampan.machinery.meta import Object
from sampan.machinery.openapi_merging import Fragment, fragment
from sampan.reconcile.clock import Clock
from sampan.reconcile.waits import again_and_again
from sampan.transport.connection import Answer
from sampan.transport.messages import Request, Response

log = logging.getLogger(__name__)

_PERIOD = 60.0  # seconds
_TIMEOUT = 10.0  # of one document: who is slow holds up the others
_EMPTY = Fragment({}, {})


class _Known(NamedTuple):
    """What a Service has told."""

    places: frozenset[str]  # for which the fragment was cut out
    urls: Mapping[str, str]  # apis/<group>/<version> -> URL of the document of version 3
    fragment: Fragment
    etag: str  # of the document of version 2


class RemoteSpecs:
    """See the module."""

    def __init__(self, backends: Backends, connections: Connections, proxy: Proxy, clock: Clock) -> None:
        self._backends, self._connections, self._proxy, self._clock = backends, connections, proxy, clock
        self._known: dict[ServicePort, _Known] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        backends.on_change(self._wake.set)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back whenever there is something else to tell."""
        self._callbacks.append(callback)

    def index(self) -> Mapping[str, str]:
        """Place -> URL of its document."""
        return {place: url for known in self._known.values() for place, url in known.urls.items()}

    def fragments(self) -> Sequence[Fragment]:
        """What belongs into the document of version 2."""
        return [known.fragment for known in self._known.values() if known.fragment.paths]

    def answer(self, place: str, request: Request) -> Awaitable[Response] | None:
        """The document of version 3 of a backend; None where it has none."""
        for service, known in self._known.items():
            if place in known.urls:
                found = (one for one in self._backends.all.values() if one.service == service)
                return self._pass_on(next(found, None), request)
        return None

    async def _pass_on(self, backend: Backend | None, request: Request) -> Response:
        if backend is None:
            return Response(404)
        headers = {name: value for name, value in request.headers.items() if name != "accept-encoding"}
        return await whole(await self._proxy.serve(backend, replace(request, headers=headers), OPENAPI_READER))

    async def run(self) -> None:
        """Ask until cancelled."""
        await again_and_again(self._ask_all, self._wake, self._clock, lambda: _PERIOD)

    async def _ask_all(self) -> None:
        by_service: dict[ServicePort, list[Backend]] = {}
        for backend in self._backends.all.values():
            by_service.setdefault(backend.service, []).append(backend)
        asked = await asyncio.gather(*(self._ask(service, found) for service, found in by_service.items()))
        known = {service: one for service, one in zip(by_service, asked, strict=True) if one is not None}
        if known != self._known:
            self._known = known
            for callback in self._callbacks:
                callback()

    async def _ask(self, service: ServicePort, backends: Sequence[Backend]) -> _Known | None:
        """What a server tells now; what it told before, where it does not answer."""
        before = self._known.get(service)
        places = frozenset(backend.path.strip("/") for backend in backends)
        if not backends[0].available:
            return before
        try:
            urls = await self._urls(backends[0], places)
            etag = before.etag if before and before.places == places else ""
            answer = await self._get(backends[0], "/openapi/v2", {"if-none-match": etag} if etag else {})
            if answer.status == 304 and before:
                return before._replace(urls=urls)
            cut = await asyncio.to_thread(_cut, answer.body, places) if answer.status == 200 else _EMPTY
            return _Known(places, urls, cut, answer.headers.get("etag", ""))
        except (NoAnswer, AttributeError, KeyError, TypeError, ValueError) as error:
            log.info("no OpenAPI from %s: %r", service, error)
            return before

    async def _urls(self, backend: Backend, places: frozenset[str]) -> Mapping[str, str]:
        answer = await self._get(backend, "/openapi/v3", {})
        if answer.status != 200:
            return {}
        told: Object = orjson.loads(answer.body)["paths"]
        return {place: str(told[place]["serverRelativeURL"]) for place in sorted(places & told.keys())}

    async def _get(self, backend: Backend, path: str, headers: Mapping[str, str]) -> Answer:
        return await ask(self._connections, backend, path, user=OPENAPI_READER, headers=headers, timeout=_TIMEOUT)


def _cut(body: bytes, places: frozenset[str]) -> Fragment:
    """What belongs to some versions; raises what fragment() does, also where nobody could read it as protobuf."""
    cut = fragment(orjson.loads(body), [f"/{place}" for place in places])
    info = {"title": "", "version": ""}
    openapi_protobuf.encode({"swagger": "2.0", "info": info, "paths": cut.paths, "definitions": cut.definitions})
    return cut
