"""IPAddresses, ServiceCIDRs and claimed ports: several servers over one store, ranges that come and go, repair."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from sampan.apiserver.allocators.bands import Band, of_network, of_ports, pick
from sampan.apiserver.allocators.claims import ADDRESSES, PORTS, keys_of
from sampan.apiserver.allocators.repair import Repair
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.machinery.meta import Object
from sampan.storage.memory import MemoryStore
from tests.apiserver.harness import API, TOKENS, running
from tests.apiserver.pki import signing_key

SERVICES = "/api/v1/namespaces/default/services"
ADDRESS_PATH = "/apis/networking.k8s.io/v1/ipaddresses"
RANGE_PATH = "/apis/networking.k8s.io/v1/servicecidrs"


def service(name: str, **spec: Any) -> dict[str, Any]:
    """A Service of one port."""
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


def service_cidr(name: str, *cidrs: str) -> dict[str, Any]:
    """A ServiceCIDR."""
    return {"metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}


# Bands


def test_any_number_is_from_the_upper_band_while_there_is_one() -> None:
    taken: set[int] = set()

    def take() -> int | None:
        number = pick(Band(100, 20, 4), taken.__contains__, random.Random(1))
        if number is not None:
            taken.add(number)
        return number

    assert {take() for _ in range(16)} == set(range(104, 120))
    assert {take() for _ in range(4)} == set(range(100, 104))
    assert take() is None


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("10.96.0.0/12", Band(int(ip_address("10.96.0.1")), 2**20 - 2, 256)),
        ("10.0.0.0/24", Band(int(ip_address("10.0.0.1")), 254, 16)),
        ("10.0.0.0/28", Band(int(ip_address("10.0.0.1")), 14, 0)),
        ("fd00::/120", Band(int(ip_address("fd00::1")), 255, 16)),
    ],
)
def test_bands_of_networks(network: str, expected: Band) -> None:
    assert of_network(ip_network(network)) == expected


def test_the_band_of_ports() -> None:
    assert of_ports(range(30000, 32768)) == Band(30000, 2768, 86)


# Claims


async def test_an_address_is_an_object(api: API) -> None:
    made = await api.create(SERVICES, service("a"))
    found = await api.get(f"{ADDRESS_PATH}/{made['spec']['clusterIP']}")
    assert found["spec"] == {"parentRef": {"resource": "services", "namespace": "default", "name": "a"}}
    assert found["metadata"]["labels"] == {
        "ipaddress.kubernetes.io/ip-family": "IPv4",
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    }
    assert found["metadata"]["uid"] and found["metadata"]["creationTimestamp"]


async def test_an_address_that_is_somebody_elses_is_not_given(api: API) -> None:
    gateway = {"group": "example.com", "resource": "gateways", "name": "g"}
    await api.create(ADDRESS_PATH, {"metadata": {"name": "10.96.0.99"}, "spec": {"parentRef": gateway}})
    taken = await api.call("POST", SERVICES, service("a", clusterIP="10.96.0.99"))
    assert taken.body["message"].endswith("failed to allocate IP 10.96.0.99: provided IP is already allocated")


async def test_clients_do_not_see_claims_of_ports(api: API) -> None:
    made = await api.create(SERVICES, service("a", type="NodePort"))
    assert api.server.services.cache.get(f"{PORTS}{made['spec']['ports'][0]['nodePort']}")
    assert (await api.call("GET", "/apis/ranges/v1/servicenodeports")).status == 404


# Ranges


async def test_the_servers_range_is_an_object(api: API) -> None:
    found = await api.get(f"{RANGE_PATH}/kubernetes")
    assert found["spec"] == {"cidrs": ["10.96.0.0/12"]}
    (ready,) = found["status"]["conditions"]
    assert (ready["type"], ready["status"]) == ("Ready", "True")
    assert ready["message"] == "Kubernetes default Service CIDR is ready"


async def test_a_further_range_gives_further_addresses() -> None:
    async with running(service_range=ip_network("10.0.0.0/29")) as api:
        for number in range(5):  # and the Service kubernetes
            await api.create(SERVICES, service(f"s{number}"))
        full = await api.call("POST", SERVICES, service("late"))
        assert full.status == 500
        assert full.body["message"].endswith('failed to allocate a serviceIP for Service "late": range is full')
        await api.create(RANGE_PATH, service_cidr("more", "10.1.0.0/24"))
        made = await api.create(SERVICES, service("late"))
        assert ip_address(made["spec"]["clusterIP"]) in ip_network("10.1.0.0/24")


async def test_a_range_that_goes_gives_nothing(api: API) -> None:
    body = service_cidr("more", "10.1.0.0/24")
    body["metadata"]["finalizers"] = ["example.com/held"]
    await api.create(RANGE_PATH, body)
    await api.call("DELETE", f"{RANGE_PATH}/more")
    refused = await api.call("POST", SERVICES, service("a", clusterIP="10.1.0.9"))
    assert refused.body["message"].endswith("the provided network does not match the current range")


async def test_a_range_that_is_not_ready_gives_nothing(api: API) -> None:
    await api.create(RANGE_PATH, service_cidr("more", "10.1.0.0/24"))
    await api.create(SERVICES, service("a", clusterIP="10.1.0.9"))
    condition = {"type": "Ready", "status": "False", "reason": "Test", "lastTransitionTime": "2025-01-01T00:00:00Z"}
    await api.patch(f"{RANGE_PATH}/more/status", {"status": {"conditions": [condition]}})
    assert (await api.call("POST", SERVICES, service("b", clusterIP="10.1.0.10"))).status == 422


# Several servers


@asynccontextmanager
async def servers(store: MemoryStore, count: int) -> AsyncIterator[list[API]]:
    """Servers with caches of their own."""
    made = [
        APIServer(APIServerConfig(store=store, service_account_key=signing_key(), tokens=TOKENS)) for _ in range(count)
    ]
    await asyncio.gather(*(server.start() for server in made))
    try:
        yield [API(server) for server in made]
    finally:
        for server in made:
            await server.stop(0)
        await store.close()


async def test_servers_over_one_store_never_give_the_same() -> None:
    async with servers(MemoryStore(), 2) as apis:
        wanted = [(api, f"s{number}-{index}") for number in range(150) for index, api in enumerate(apis)]
        made = await asyncio.gather(*(api.create(SERVICES, service(name, type="NodePort")) for api, name in wanted))
        assert len({one["spec"]["clusterIP"] for one in made}) == 300
        assert len({one["spec"]["ports"][0]["nodePort"] for one in made}) == 300


class Late(MemoryStore):
    """A store that two servers reach in turns: between choosing and claiming, the other one gets its chance."""

    async def create(self, key: str, value: bytes) -> int:
        for _ in range(3):
            await asyncio.sleep(0)
        return await super().create(key, value)


async def test_who_loses_the_race_for_a_port_chooses_again() -> None:
    store = Late()
    async with servers(store, 2) as apis:
        for api in apis:
            api.server.services.allocators["services"].node_ports = range(30000, 30040)  # type: ignore[attr-defined]
        wanted = [(api, f"s{number}-{index}") for number in range(18) for index, api in enumerate(apis)]
        made = await asyncio.gather(*(api.create(SERVICES, service(name, type="NodePort")) for api, name in wanted))
        assert len({one["spec"]["ports"][0]["nodePort"] for one in made}) == 36
        claimed = apis[0].server.services.cache.list(PORTS).items
        assert len(claimed) == 36


async def test_one_of_two_gets_the_address_that_both_want() -> None:
    async with servers(Late(), 2) as apis:
        wanted = (api.call("POST", SERVICES, service(f"s{i}", clusterIP="10.96.0.77")) for i, api in enumerate(apis))
        assert sorted(answer.status for answer in await asyncio.gather(*wanted)) == [201, 422]


# What was stored before there were claims


async def test_a_cluster_without_claims_gets_them_at_its_start() -> None:
    store = MemoryStore()
    async with running(store=store) as api:
        made = await api.create(SERVICES, service("a", type="NodePort"))
        for prefix in (ADDRESSES, PORTS):
            for entry in api.server.services.cache.list(prefix).items:
                await store.delete(entry.key, entry.revision)
        await api.server.stop(0)
        async with running(store=store) as again:
            taken = await again.call("POST", SERVICES, service("b", clusterIP=made["spec"]["clusterIP"]))
            assert taken.status == 422
            cache = again.server.services.cache
            kubernetes = await again.get(f"{SERVICES}/kubernetes")
            assert all(cache.get(key) for key in keys_of(made) | keys_of(kubernetes))


async def test_a_service_whose_making_was_cut_off_long_ago_can_be_made() -> None:
    async with repairing() as (api, _, _, clock):
        services = api.server.services
        lost = service("lost", type="ClusterIP", clusterIP="10.96.0.9", clusterIPs=["10.96.0.9"])
        lost["metadata"]["namespace"] = "default"
        with pytest.raises(asyncio.CancelledError):
            async with services.allocators["services"].reserve(services, lost, None, dry_run=False):
                raise asyncio.CancelledError
        assert (await api.call("POST", SERVICES, service("lost", clusterIP="10.96.0.9"))).status == 422
        clock.time += timedelta(seconds=61)
        assert (await api.call("POST", SERVICES, service("other", clusterIP="10.96.0.9"))).status == 422
        await api.create(SERVICES, service("lost", clusterIP="10.96.0.9"))


# Repair


class Told:
    """An event recorder that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    def event(self, obj: Object, type: str, reason: str, message: str) -> None:
        """What happened to what."""
        self.events.append((obj["metadata"]["name"], reason, message))


class Clock:
    """The time of a server."""

    def __init__(self) -> None:
        self.time = datetime(2025, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The time."""
        return self.time


@asynccontextmanager
async def repairing() -> AsyncIterator[tuple[API, Repair, Told, Clock]]:
    """A server, and a repair loop whose rounds the test calls."""
    clock, told = Clock(), Told()
    async with running(now=clock.now) as api:
        repair = Repair(api.server.services, range(30000, 32768), told)  # type: ignore[arg-type]
        yield api, repair, told, clock


async def test_what_is_right_is_left() -> None:
    async with repairing() as (api, repair, told, clock):
        await api.create(SERVICES, service("a", type="NodePort"))
        cache = api.server.services.cache
        before = cache.list(ADDRESSES).items, cache.list(PORTS).items
        clock.time += timedelta(hours=1)
        for _ in range(3):
            await repair.round()
        assert (cache.list(ADDRESSES).items, cache.list(PORTS).items) == before
        assert not told.events


async def test_an_address_that_somebody_deleted_comes_back() -> None:
    async with repairing() as (api, repair, told, _):
        ip = (await api.create(SERVICES, service("a")))["spec"]["clusterIP"]
        await api.call("DELETE", f"{ADDRESS_PATH}/{ip}")
        await repair.round()
        assert (await api.get(f"{ADDRESS_PATH}/{ip}"))["spec"]["parentRef"]["name"] == "a"
        text = f"Cluster IP [IPv4]: {ip} is not allocated; repairing"
        assert told.events == [("a", "ClusterIPNotAllocated", text)]


async def test_a_claim_without_a_service_goes_when_two_rounds_have_seen_it() -> None:
    async with repairing() as (api, repair, told, clock):
        services = api.server.services
        lost = {"metadata": {"name": "lost", "namespace": "default"}, "spec": {"type": "NodePort", "ports": [{}]}}
        with pytest.raises(asyncio.CancelledError):
            async with services.allocators["services"].reserve(services, lost, None, dry_run=False):
                raise asyncio.CancelledError
        await repair.round()
        clock.time += timedelta(seconds=61)
        await repair.round()
        assert all(services.cache.get(key) for key in keys_of(lost)) and not told.events
        await repair.round()
        assert not any(services.cache.get(key) for key in keys_of(lost))
        ip = lost["spec"]["clusterIP"]
        text = f"IPAddress: {ip} for Service default/lost appears to have leaked: cleaning up"
        assert told.events == [(ip, "IPAddressNotAllocated", text)]


async def test_an_address_of_others_is_none_of_ours() -> None:
    async with repairing() as (api, repair, told, clock):
        parent = {"resource": "services", "namespace": "default", "name": "none"}
        await api.create(ADDRESS_PATH, {"metadata": {"name": "10.96.0.99"}, "spec": {"parentRef": parent}})
        clock.time += timedelta(hours=1)
        for _ in range(3):
            await repair.round()
        await api.get(f"{ADDRESS_PATH}/10.96.0.99")
        assert not told.events


async def test_labels_of_an_address_are_put_right() -> None:
    async with repairing() as (api, repair, told, _):
        ip = (await api.create(SERVICES, service("a")))["spec"]["clusterIP"]
        await api.patch(f"{ADDRESS_PATH}/{ip}", {"metadata": {"labels": None}})
        await repair.round()
        labels = (await api.get(f"{ADDRESS_PATH}/{ip}"))["metadata"]["labels"]
        assert labels["ipaddress.kubernetes.io/managed-by"] == "ipallocator.k8s.io"
        assert not told.events


async def test_two_services_with_one_address_are_told_of() -> None:
    async with repairing() as (api, repair, told, _):
        made = await api.create(SERVICES, service("a", type="NodePort"))
        ip, port = made["spec"]["clusterIP"], made["spec"]["ports"][0]["nodePort"]
        cache = api.server.services.cache
        entry = cache.get("/core/services/default/a")
        assert entry
        await cache.create("/core/services/default/b", entry.value.replace(b'"name":"a"', b'"name":"b"'))
        await repair.round()
        assert told.events == [
            (
                "b",
                "ClusterIPAlreadyAllocated",
                f"Cluster IP [IPv4]:{ip} was assigned to multiple services; please recreate service",
            ),
            ("b", "PortAlreadyAllocated", f"Port {port} was assigned to multiple services; please recreate service"),
        ]


async def test_what_is_out_of_range_is_told_of() -> None:
    async with repairing() as (api, repair, told, _):
        await api.create(SERVICES, service("a", type="NodePort", clusterIP="10.96.0.9"))
        cache = api.server.services.cache
        entry = cache.get("/core/services/default/a")
        assert entry
        port = str(entry.object["spec"]["ports"][0]["nodePort"]).encode()
        value = entry.value.replace(b"10.96.0.9", b"10.1.1.1").replace(port, b"29999")
        await cache.update(entry.key, value, entry.revision)
        await repair.round()
        assert told.events == [
            (
                "a",
                "ClusterIPOutOfRange",
                "Cluster IP [IPv4]: 10.1.1.1 is not within any configured Service CIDR; please recreate service",
            ),
            ("a", "PortOutOfRange", "Port 29999 is not within the port range 30000-32767; please recreate service"),
        ]
