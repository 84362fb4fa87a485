"""The proxy as a component: from an object's change in the API to packets that follow it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.proxy.nft import Nft, NftError
from sampan.proxy.proxy import Proxy
from sampan.proxy.render import render
from sampan.proxy.ruleset import RuleSet, full
from sampan.proxy.tablewatch import table_events
from sampan.reconcile.clock import SystemClock
from tests.fake_api import FakeApi
from tests.netlab import Lab, lab
from tests.proxy.objects import CONFIG, endpoint, endpoint_slice, pod, port, service

ONE, TWO = endpoint("10.244.0.5"), endpoint("10.244.0.6")
HOST_PORT = pod("p", "10.244.0.9", {"containerPort": 80, "hostPort": 80})


@pytest.fixture
def machine() -> Iterator[Lab]:
    with lab() as made:
        yield made


class Table:
    """What the kernel has."""

    def __init__(self, nft: Nft) -> None:
        self._nft = nft

    async def text(self) -> str:
        try:
            return await self._nft.run(f"list table ip {CONFIG.table}\n")
        except NftError:
            return ""

    async def reaches(self, condition: Callable[[str], bool]) -> None:
        """Wait until the table meets a condition."""
        async with asyncio.timeout(20):
            while not condition(await self.text()):
                continue

    async def becomes(self, wanted: RuleSet) -> None:
        names = [f"chain {name} {{" for name in wanted.chains]
        await self.reaches(lambda text: text.count("\tchain ") == len(names) and all(name in text for name in names))


@asynccontextmanager
async def running(api: FakeApi) -> AsyncIterator[Table]:
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(Proxy(api.client, CONFIG, SystemClock()).run(ready.set))
        await ready.wait()
        with Nft() as nft:
            try:
                yield Table(nft)
            finally:
                task.cancel()


def run(machine: Lab, api: FakeApi, play: Callable[[Table], Awaitable[None]]) -> None:
    async def work() -> None:
        async with running(api) as table:
            await play(table)

    machine.run(work)


@pytest.mark.node
def test_the_table_follows_services_slices_and_pods(machine: Lab) -> None:
    api = FakeApi()
    web = service("web", type="NodePort", ports=[port(node_port=30080)])
    api.put(SERVICE, web)

    async def play(table: Table) -> None:
        assert "chain service/" not in await table.text()
        for endpoints in ([ONE], [ONE, TWO], [TWO]):
            api.put(ENDPOINT_SLICE, endpoint_slice("web", *endpoints))
            await table.becomes(render([web], [endpoint_slice("web", *endpoints)], [], CONFIG))
        hinted = [one | {"hints": {"forZones": [{"name": zone}]}} for one, zone in ((ONE, "a"), (TWO, "b"))]
        api.put(ENDPOINT_SLICE, endpoint_slice("web", *hinted))
        zone = {"topology.kubernetes.io/zone": "b"}
        api.put(NODE, {"metadata": {"name": CONFIG.node_name, "uid": "n", "labels": zone}})
        await table.becomes(render([web], [endpoint_slice("web", TWO)], [], CONFIG))
        api.put(ENDPOINT_SLICE, endpoint_slice("web", TWO))
        api.put(POD, HOST_PORT)
        await table.becomes(render([web], [endpoint_slice("web", TWO)], [HOST_PORT], CONFIG))
        api.remove(POD, HOST_PORT)
        api.remove(SERVICE, web)
        await table.becomes(render([], [], [], CONFIG))

    run(machine, api, play)


@pytest.mark.node
def test_a_table_of_the_past_is_replaced_and_this_one_stays(machine: Lab) -> None:
    machine.nft(full(render([service("old")], [endpoint_slice("old", ONE)], [], CONFIG)))
    api = FakeApi()
    api.put(SERVICE, service("new"))
    api.put(ENDPOINT_SLICE, endpoint_slice("new", TWO))

    async def play(table: Table) -> None:
        text = await table.text()
        assert "service/ns/new/tcp/80" in text
        assert "service/ns/old/tcp/80" not in text

    run(machine, api, play)
    assert "service/ns/new/tcp/80" in machine.nft(f"list table ip {CONFIG.table}\n")  # pods outlive the proxy


@pytest.mark.node
def test_a_table_that_somebody_deletes_comes_back(machine: Lab, caplog: pytest.LogCaptureFixture) -> None:
    api = FakeApi()
    api.put(SERVICE, service("web"))
    api.put(ENDPOINT_SLICE, endpoint_slice("web", ONE))

    async def play(table: Table) -> None:
        machine.nft("flush ruleset\n")
        await table.reaches(lambda text: "service/ns/web/tcp/80" in text)
        machine.nft(f"flush table ip {CONFIG.table}\nadd table ip other\ndelete table ip other\n")

    with caplog.at_level(logging.WARNING):
        run(machine, api, play)
    assert caplog.text.count("was deleted by somebody else") == 1


@pytest.mark.node
def test_a_refused_change_ends_in_a_whole_table(machine: Lab) -> None:
    """Somebody emptied a map: deleting an element from it fails, and the table is replaced."""
    api = FakeApi()
    api.put(SERVICE, service("web"))
    api.put(ENDPOINT_SLICE, endpoint_slice("web", ONE))

    async def play(table: Table) -> None:
        machine.nft(f"flush map ip {CONFIG.table} service-ips\n")
        api.remove(ENDPOINT_SLICE, endpoint_slice("web", ONE))
        await table.reaches(lambda text: "10.96.0.1 . tcp . 80 : goto reject-chain" in text)

    run(machine, api, play)


@pytest.mark.node
def test_a_wrong_script_changes_nothing_and_says_why(machine: Lab) -> None:
    async def work() -> str:
        with Nft() as nft:
            with pytest.raises(NftError, match="No such file or directory"):
                await nft.run("add table ip made\nadd rule ip made nosuchchain accept\n")
            return await nft.run("list tables\n")

    assert "made" not in machine.run(work)


def test_news_of_other_tables_and_broken_news_tell_nothing() -> None:
    def message(kind: int, family: int, name: bytes) -> bytes:
        attribute = (4 + len(name)).to_bytes(2, "little") + b"\1\0" + name
        body = bytes([family, 0, 0, 0]) + attribute + b"\0" * (-len(attribute) % 4)
        return (16 + len(body)).to_bytes(4, "little") + kind.to_bytes(2, "little") + bytes(10) + body

    news = message(0x0A02, 2, b"mine\0") + message(0x0A02, 2, b"other\0") + message(0x0A02, 10, b"mine\0")
    assert list(table_events(news + message(0x0A00, 2, b"mine\0") + b"\x05\0\0\0", "mine")) == [True, False]
