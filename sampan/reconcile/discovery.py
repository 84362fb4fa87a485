"""Which kinds the server has now: the built-in ones, and those that came with definitions and other API servers.

    discovery = Discovery(client, informers, clock)
    group.create_task(discovery.run())
    discovery.kinds                      # built-in kinds are the objects of kinds/, others are made of what is told
    discovery.find("example.com/v1", "Widget")
    discovery.on_change(callback)        # called whenever `kinds` has changed

For controllers that work on any kind: garbage collection, namespace deletion, quota. Discovery is read again when a
CustomResourceDefinition or another server's APIService changes, and every half minute, as upstream's garbage collector
does (servers behind an APIService change without a word). A group whose server does not answer keeps the kinds it had,
is told in `failed`, and asked for again soon. Built-in kinds that the server has not, as upstream's has no
PodSecurityPolicies any more, are left out.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.kinds.apiregistration.api_service import KIND as API_SERVICE
from sampan.kinds.registry import builtin_catalogue
from sampan.machinery.errors import APIError, NotFound
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.reconcile.waits import again_and_again

log = logging.getLogger(__name__)

_PERIOD = 30.0  # seconds
_RETRY = 5.0  # while some group's server does not answer
_TRIGGERS = (API_SERVICE, DEFINITION)
_ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Discovery:
    """See the module."""

    def __init__(self, client: Client, informers: Informers, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self.builtin = builtin_catalogue()
        self._others: dict[tuple[str, str], Kind] = {}  # (group, plural) -> kind
        self._served: dict[str, bool] = {}  # whether a path of a built-in kind that is not told is there all the same
        self._callbacks: list[Callable[[], None]] = []
        self._changed = asyncio.Event()
        self._synced = asyncio.Event()
        self._waiting: list[asyncio.Future[bool]] = []  # for the answer to the next question
        self.failed: tuple[str, ...] = ()  # groups and versions that could not be discovered
        self.kinds: tuple[Kind, ...] = self.builtin.kinds
        for kind in _TRIGGERS:
            informers.of(kind).on_change(self._trigger)

    def _trigger(self, old: Object | None, new: Object | None) -> None:
        """What this server registers for itself is no news."""
        if any(one is not None and not is_local(one) for one in (old, new)):
            self._changed.set()

    def find(self, api_version: str, name: str) -> Kind | None:
        """The kind that an owner reference or a manifest names."""
        if served := self.builtin.by_kind.get((api_version, name)):
            return served.kind
        group, _, version = api_version.rpartition("/")
        for kind in self._others.values():
            if kind.name == name and any((v.group, v.version) == (group, version) for v in kind.versions):
                return kind
        return None

    def matching(self, group: str, name: str) -> list[Kind]:
        """The kinds that are called so in a group, whatever the version: RESTMappings of a GroupKind."""
        return [kind for kind in self.kinds if kind.name == name and any(v.group == group for v in kind.versions)]

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back whenever `kinds` has changed."""
        self._callbacks.append(callback)

    async def synced(self) -> None:
        """Wait for the first answer."""
        await self._synced.wait()

    async def refreshed(self) -> bool:
        """Wait for the answer to a question that is yet to be asked; whether there was one.

        For who is about to do what can't be undone, and must not miss a kind that came just now.
        """
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._changed.set()
        return await answer

    async def run(self) -> None:
        """Follow until cancelled."""
        self._changed.set()
        await again_and_again(self._ask, self._changed, self._clock, lambda: _RETRY if self.failed else _PERIOD)

    async def _ask(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            document = await self._client.transport.request("GET", "/apis", accept=_ACCEPT)
            await self._look_for_untold(document)
            self._take(document)
            answered = True
        except (APIError, OSError) as error:
            log.warning("discovery failed: %r", error)
            answered = False
        for one in waiting:
            if not one.done():
                one.set_result(answered)

    async def _look_for_untold(self, document: Object) -> None:
        """Ask, once each, for built-in kinds that are not told of: legacy ones are served without a word, or not."""
        told = dict(kinds_of(document))
        for kind in self.builtin.kinds:
            group = kind.storage.group
            if group and (group, kind.plural) not in told and kind.path() not in self._served:
                resources = await self._resources(kind.storage.api_version)
                alike = (one for one in self.builtin.kinds if _same(one, kind))
                self._served |= {one.path(): resources is None or one.plural in resources for one in alike}

    async def _resources(self, version: str) -> set[str] | None:
        """What there is in a version; None where the answer does not say."""
        try:
            told = await self._client.transport.request("GET", f"/apis/{version}")
        except NotFound:
            return set()
        return {resource["name"] for resource in told["resources"] or ()} if "resources" in told else None

    def _take(self, document: Object) -> None:
        self.failed = tuple(_stale(document))
        told = dict(kinds_of(document))
        kept = {place: kind for place, kind in self._others.items() if _is_stale(kind, self.failed)}
        found = {
            place: known if (known := self._others.get(place)) == kind else kind
            for place, kind in (kept | told).items()
            if self.builtin.stored(*place) is None and not self._serves(kind)
        }
        self._synced.set()
        builtin = [
            kind
            for kind in self.builtin.kinds
            if (kind.storage.group, kind.plural) in told or self._served.get(kind.path(), True)
        ]
        if found != self._others or len(builtin) + len(found) != len(self.kinds):
            self._others = found
            self.kinds = (*builtin, *found.values())
            for callback in self._callbacks:
                callback()

    def _serves(self, kind: Kind) -> bool:
        """Whether this is another group's view of a built-in kind, as that of Events is."""
        return all((v.group, v.version, kind.plural) in self.builtin.by_resource for v in kind.versions)


def _same(one: Kind, other: Kind) -> bool:
    """Whether both are stored in the same version of the same group."""
    return one.storage.api_version == other.storage.api_version


def is_local(trigger: Object) -> bool:
    """Whether an APIService is served by the server that stores it."""
    return trigger["kind"] == API_SERVICE.name and trigger["spec"].get("service") is None


def kinds_of(document: Object) -> Iterable[tuple[tuple[str, str], Kind]]:
    """The kinds of an aggregated discovery document (KEP-3352), by group and plural; preferred versions first."""
    for group in document.get("items") or ():
        name, versions = group["metadata"].get("name") or "", group.get("versions") or ()
        resources: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for version in versions:
            for resource in version.get("resources") or ():
                resources.setdefault(resource["resource"], []).append((version["version"], resource))
        for plural, served in resources.items():
            yield (name, plural), _kind(name, plural, served)


def _kind(group: str, plural: str, served: list[tuple[str, Mapping[str, Any]]]) -> Kind:
    preferred = served[0][1]
    return Kind(
        name=(preferred.get("responseKind") or {}).get("kind") or "",
        plural=plural,
        versions=tuple(ServedVersion(group, version, "") for version, _ in served),
        namespaced=preferred.get("scope") == "Namespaced",
        verbs=tuple(preferred.get("verbs") or ()),
        has_status=any(sub.get("subresource") == "status" for sub in preferred.get("subresources") or ()),
    )


def _stale(document: Object) -> Iterable[str]:
    for group in document.get("items") or ():
        for version in group.get("versions") or ():
            if version.get("freshness") == "Stale":
                yield f"{group['metadata']['name']}/{version['version']}"


def _is_stale(kind: Kind, failed: Iterable[str]) -> bool:
    return any(version.api_version in failed for version in kind.versions)
