"""What backends serve, asked of them when an APIService changes and every minute, kept while they do not answer.

    remote = RemoteDiscovery(backends, connections, clock)
    remote.versions()      # for discovery/merging.py; what could not be asked for is not fresh

Upstream: k8s.io/kube-aggregator/pkg/apiserver (handler_discovery.go). One task, run by server.py.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from sampan.apiserver.aggregation.backends import Backend, GroupVersion, ServicePort
from sampan.apiserver.aggregation.checks import NoAnswer, ask
from sampan.apiserver.aggregation.connections import Connections
from sampan.apiserver.aggregation.follow import Backends
from sampan.apiserver.aggregation.told import (
    ACCEPT,
    Found,
    Resources,
    Unreadable,
    from_aggregated,
    from_resource_list,
    is_aggregated,
)
from sampan.apiserver.discovery.model import RemoteVersion
from sampan.reconcile.clock import Clock
from sampan.reconcile.waits import again_and_again

log = logging.getLogger(__name__)

_PERIOD = 60.0  # seconds
_RETRY = 5.0  # while some backend does not answer


class _Known(NamedTuple):
    """The last answer of a Service."""

    found: Found
    etag: str
    fresh: bool


_NOTHING = _Known({}, "", fresh=False)


class RemoteDiscovery:
    """See the module."""

    def __init__(self, backends: Backends, connections: Connections, clock: Clock) -> None:
        self._backends, self._connections, self._clock = backends, connections, clock
        self._callbacks: list[Callable[[], None]] = []
        self._aggregated: dict[ServicePort, _Known] = {}
        self._listed: dict[GroupVersion, _Known] = {}  # of servers that know the old form only
        self._told: tuple[RemoteVersion, ...] = ()
        self._wake = asyncio.Event()
        backends.on_change(self._changed)

    def versions(self) -> tuple[RemoteVersion, ...]:
        """All versions that are served elsewhere, as far as is known."""
        return self._told

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back whenever `versions` has changed."""
        self._callbacks.append(callback)

    def _changed(self) -> None:
        self._tell()
        self._wake.set()

    def _tell(self) -> None:
        told = tuple(self._version(backend) for backend in self._backends.all.values())
        if told != self._told:
            self._told = told
            for callback in self._callbacks:
                callback()

    def _version(self, backend: Backend) -> RemoteVersion:
        known = self._known(backend)
        fresh = known.fresh and backend.available
        resources: Resources = known.found.get(backend.place, ())
        return RemoteVersion(*backend.place, resources, fresh, backend.group_priority, backend.version_priority)

    def _known(self, backend: Backend) -> _Known:
        return self._listed.get(backend.place) or self._aggregated.get(backend.service) or _NOTHING

    async def run(self) -> None:
        """Ask until cancelled."""
        await again_and_again(self._ask_all, self._wake, self._clock, self._pause)

    def _pause(self) -> float:
        return _PERIOD if all(version.fresh for version in self._told) else _RETRY

    async def _ask_all(self) -> None:
        backends = [backend for backend in self._backends.all.values() if backend.available]
        self._forget_others()
        by_service = {backend.service: backend for backend in backends}
        await asyncio.gather(*(self._ask_service(backend) for backend in by_service.values()))
        silent = [b for b in backends if b.place not in self._aggregated.get(b.service, _NOTHING).found]
        await asyncio.gather(*(self._ask_version(backend) for backend in silent))
        self._tell()

    def _forget_others(self) -> None:
        services = {backend.service for backend in self._backends.all.values()}
        self._aggregated = {service: known for service, known in self._aggregated.items() if service in services}
        self._listed = {place: known for place, known in self._listed.items() if place in self._backends.all}

    async def _ask_service(self, backend: Backend) -> None:
        """All versions of a server at once; one that knows no such form is left to _ask_version."""
        known = self._aggregated.get(backend.service, _NOTHING)
        headers = {"accept": ACCEPT} | ({"if-none-match": known.etag} if known.etag else {})
        try:
            answer = await ask(self._connections, backend, "/apis", headers=headers)
            if answer.status == 304 and known.etag:
                self._aggregated[backend.service] = known._replace(fresh=True)
            elif answer.status == 200 and is_aggregated(answer.headers.get("content-type", "")):
                found = await asyncio.to_thread(from_aggregated, answer.body)
                self._aggregated[backend.service] = _Known(found, answer.headers.get("etag", ""), fresh=True)
            else:
                self._aggregated.pop(backend.service, None)
        except (NoAnswer, Unreadable) as error:
            log.info("no discovery from %s: %s", backend.service, error)
            self._aggregated[backend.service] = known._replace(fresh=False)

    async def _ask_version(self, backend: Backend) -> None:
        try:
            answer = await ask(self._connections, backend, backend.path)
            if answer.status != 200:
                raise NoAnswer(f"status {answer.status}")
            found = await asyncio.to_thread(from_resource_list, answer.body, backend.place)
            self._listed[backend.place] = _Known(found, "", fresh=True)
        except (NoAnswer, Unreadable) as error:
            log.info("no discovery of %s: %s", backend.path, error)
            old = self._listed.get(backend.place, _NOTHING)
            self._listed[backend.place] = old._replace(fresh=False)
