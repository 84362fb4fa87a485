"""A claim: the object in storage that says that a Service has an address or a node port.

Its key is the address or the port, so creating it is a compare-and-swap that one Service wins, whichever server it
asks. That of an address is an IPAddress (KEP-1880). That of a port is no object of the API: it lies below /ranges/,
where no kind is. Upstream keeps a bitmap there, which writers change one after the other; with a key for each port they
commit together.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address

from sampan.apiserver import metadata
from sampan.apiserver.keys import storage_key, storage_prefix
from sampan.apiserver.writes.storing import NOT_STORED, encode, not_stored
from sampan.kinds.core.service_types import HEADLESS
from sampan.kinds.networking.ip_address import KIND as IP_ADDRESS
from sampan.kinds.networking.service_ranges import Address, claim_of, is_parent, parent_of
from sampan.machinery.meta import Object, format_time, parse_time
from sampan.storage.cache import Cache
from sampan.storage.cached import Cached
from sampan.storage.protocol import KeyExists, RevisionMismatch, StoreError

log = logging.getLogger(__name__)

ADDRESSES = storage_prefix(IP_ADDRESS)
PORTS = "/ranges/servicenodeports/"
GRACE = timedelta(seconds=60)  # in which a claim may be without a Service: the longest that a request can take
_ATTEMPTS = 4  # to give one back; beyond that the repair loop does it


def address_key(address: Address) -> str:
    """Where the claim of an address lies."""
    return storage_key(IP_ADDRESS, "", str(address))


def port_key(port: int) -> str:
    """Where the claim of a node port lies."""
    return f"{PORTS}{port}"


def addresses_of(service: Object) -> list[Address]:
    """The cluster IPs of a Service."""
    spec = service["spec"]
    texts = spec.get("clusterIPs") or [spec.get("clusterIP") or HEADLESS]
    return [ip_address(text) for text in texts if text and text != HEADLESS]


def ports_of(service: Object) -> list[int]:
    """The node ports of a Service, each once."""
    spec = service["spec"]
    found = [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
    return sorted({*found, *filter(None, [spec.get("healthCheckNodePort")])})


def keys_of(service: Object) -> set[str]:
    """Where the claims of a Service lie."""
    return {*map(address_key, addresses_of(service)), *map(port_key, ports_of(service))}


def wanted_keys(service: Object) -> set[str]:
    """The same of a Service that is new, and so may ask for an address that is none."""
    try:
        return keys_of(service)
    except ValueError:
        return set()


def value(key: str, service: Object, now: datetime) -> bytes:
    """What is stored under a key of keys_of."""
    name = key.rpartition("/")[2]
    if key.startswith(PORTS):
        meta = {"name": name, "creationTimestamp": format_time(now)}
        return encode({"metadata": meta, "spec": {"parentRef": parent_of(service)}})
    claim = claim_of(ip_address(name), service)
    metadata.prepare_create(IP_ADDRESS, claim, now)
    return encode(claim)


async def create(cache: Cache, claims: Mapping[str, bytes]) -> tuple[list[Cached], set[str]]:
    """Claim all keys at once: what was made, and which keys are somebody else's. Raises ServiceUnavailable."""
    keys = list(claims)
    results = await asyncio.gather(*(cache.create(key, claims[key]) for key in keys), return_exceptions=True)
    made = [result for result in results if isinstance(result, Cached)]
    lost = {key for key, result in zip(keys, results, strict=True) if isinstance(result, KeyExists)}
    errors = [result for result in results if isinstance(result, BaseException) and not isinstance(result, KeyExists)]
    if errors:
        await give_back(cache, made)
        raise not_stored(errors[0]) if isinstance(errors[0], NOT_STORED) else errors[0]
    return made, lost


async def give_back(cache: Cache, made: Iterable[Cached]) -> None:
    """Remove claims that one write has made. What that fails for leaks until the repair loop finds it."""
    await asyncio.gather(*(_remove(cache, entry) for entry in made))


async def release(cache: Cache, keys: Iterable[str], service: Object) -> None:
    """Remove the Service's claims of these keys; those of others are left."""
    await asyncio.gather(*(_release(cache, key, service) for key in keys))


async def _release(cache: Cache, key: str, service: Object) -> None:
    for _ in range(_ATTEMPTS):
        entry = cache.get(key)
        if entry is None or not is_claim_of(entry, service) or await _remove(cache, entry):
            return


def is_claim_of(entry: Cached, service: Object) -> bool:
    """Whether a claim names this Service."""
    return is_parent(service, entry.object["spec"].get("parentRef"))


def is_young(entry: Cached, now: datetime) -> bool:
    """Whether the Service of a claim may still be on its way."""
    return now - parse_time(entry.object["metadata"]["creationTimestamp"]) <= GRACE


async def _remove(cache: Cache, entry: Cached) -> bool:
    """Whether nothing is left to be done; not where somebody has changed the claim meanwhile."""
    try:
        await cache.delete(entry.key, entry.revision)
    except RevisionMismatch as error:
        return error.current is None
    except StoreError as error:
        log.warning("%s is left to the repair loop: %s", entry.key, error)
    return True
