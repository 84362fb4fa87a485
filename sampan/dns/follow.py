"""Keeps the zone equal to the API's Services, EndpointSlices and namespaces, change by change.

Called by server.py, which owns the informers' tasks. What an object stands for is decided in records.py.
"""

from collections.abc import Iterable

from sampan.client.informer import Informers
from sampan.dns.cache import AnswerCache
from sampan.dns.config import DNSConfig
from sampan.dns.records import domain_records, namespace_records, service_records
from sampan.dns.zone import Zone
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.meta import Key, Object, key_of

_SERVICE_NAME = "kubernetes.io/service-name"
_BY_SERVICE = "service"


class Follower:
    """Writes every change into the zone and drops from the cache what it concerns."""

    def __init__(self, informers: Informers, zone: Zone, cache: AnswerCache, config: DNSConfig) -> None:
        self._zone = zone
        self._cache = cache
        self._domain = config.domain
        zone.set("domain", domain_records(config.domain, config.dns_ip))
        self._services = informers.of(SERVICE)
        self._slices = informers.of(ENDPOINT_SLICE)
        self._slices.add_index(_BY_SERVICE, _owner_index)
        self._services.on_change(self._on_service)
        self._slices.on_change(self._on_slice)
        informers.of(NAMESPACE).on_change(self._on_namespace)

    def _on_service(self, old: Object | None, new: Object | None) -> None:
        if (known := new or old) is not None:
            self._follow(key_of(known))

    def _on_slice(self, old: Object | None, new: Object | None) -> None:
        for owner in {owner for obj in (old, new) if obj and (owner := _owner(obj))}:
            self._follow(owner)

    def _on_namespace(self, old: Object | None, new: Object | None) -> None:
        known = new or old
        if known is None or (old and new):
            return
        owner = ("namespace", known["metadata"]["name"])
        if self._zone.set(owner, namespace_records(known, self._domain) if new else {}):
            self._cache.clear()  # whole families of names, those of its pods, come or go with it

    def _follow(self, key: Key) -> None:
        service = self._services.get(key)
        slices = self._slices.by(_BY_SERVICE, str(key))
        records = service_records(service, slices, self._domain) if service else {}
        self._cache.drop(self._zone.set(("service", key), records))


def _owner(endpoint_slice: Object) -> Key | None:
    meta = endpoint_slice["metadata"]
    name = (meta.get("labels") or {}).get(_SERVICE_NAME)
    return Key(meta["namespace"], name) if name else None


def _owner_index(endpoint_slice: Object) -> Iterable[str]:
    owner = _owner(endpoint_slice)
    return [str(owner)] if owner else []
