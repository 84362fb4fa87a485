"""Requests are judged by their heads: nothing of a body is kept before it is known who sends it and what for."""

import asyncio
from contextlib import AsyncExitStack

import orjson
import pytest

from sampan.apiserver.body_budget import BodyBudget
from sampan.machinery.errors import TooManyRequests
from tests.apiserver.harness import API, CONFIG_MAPS

LIMIT = 3 << 20
BODY = b'{"metadata":{"name":"large"},"data":{"key":"%b"}}' % (b"x" * 500_000)


class Sender:
    """A client that sends what it likes, when it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], dict[str, object]]:
        """Status, headers and the tree of the body."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(lines[0].split()[1]), headers, orjson.loads(body) if body else {}


async def opened(api: API, stack: AsyncExitStack) -> Sender:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    stack.callback(writer.close)
    return Sender(reader, writer)


def head(path: str, *lines: str, method: str = "POST", token: str = "admin") -> bytes:
    words = (f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *lines)
    return "\r\n".join((*words, "Content-Type: application/json", "", "")).encode()


@pytest.mark.parametrize(
    ("path", "method", "token", "status"),
    [
        (CONFIG_MAPS, "POST", "nobody's", 401),
        (CONFIG_MAPS, "POST", "joe", 403),
        ("/api/v1/namespaces/default/nothings", "POST", "admin", 404),
        ("/api/v1/namespaces/default/configmaps", "PUT", "admin", 405),
    ],
)
@pytest.mark.parametrize("length", [f"Content-Length: {LIMIT}", "Transfer-Encoding: chunked"])
async def test_a_refused_request_is_refused_by_its_head(
    api: API, path: str, method: str, token: str, status: int, length: str
) -> None:
    async with AsyncExitStack() as stack:
        sender = await opened(api, stack)
        await sender.send(head(path, length, method=method, token=token))
        found, headers, answer = await sender.answer()
        assert (found, answer["code"], headers["connection"]) == (status, status, "close")


async def test_who_waits_to_be_asked_for_the_body_is_told_at_once(api: API) -> None:
    expects = (f"Content-Length: {len(BODY)}", "Expect: 100-continue")
    async with AsyncExitStack() as stack:
        refused, welcome = await opened(api, stack), await opened(api, stack)
        await refused.send(head(CONFIG_MAPS, *expects, token="nobody's"))
        assert (await refused.answer())[0] == 401
        await welcome.send(head(CONFIG_MAPS, *expects))
        assert (await welcome.answer())[0] == 100
        await welcome.send(BODY)
        assert (await welcome.answer())[0] == 201


async def test_a_body_that_comes_slowly_is_whole_in_the_end(api: API) -> None:
    async with AsyncExitStack() as stack:
        sender = await opened(api, stack)
        await sender.send(head(CONFIG_MAPS, f"Content-Length: {len(BODY)}"))
        for start in range(0, len(BODY), 100_000):
            await sender.send(BODY[start : start + 100_000])
        assert (await sender.answer())[0] == 201
        await sender.send(head(f"{CONFIG_MAPS}/large", method="GET"))  # and the connection is as good as before
        assert (await sender.answer())[2]["data"] == {"key": "x" * 500_000}


async def test_chunks_that_come_to_too_much(api: API) -> None:
    async with AsyncExitStack() as stack:
        sender = await opened(api, stack)
        await sender.send(head(CONFIG_MAPS, "Transfer-Encoding: chunked"))
        piece = b"%x\r\n%b\r\n" % (1 << 20, b" " * (1 << 20))
        for _ in range(4):
            await sender.send(piece)
        status, _, answer = await sender.answer()
        assert (status, answer["reason"]) == (413, "RequestEntityTooLarge")


async def test_a_client_that_breaks_off_leaves_nothing(api: API) -> None:
    async with AsyncExitStack() as stack:
        sender = await opened(api, stack)
        await sender.send(head(CONFIG_MAPS, f"Content-Length: {len(BODY)}"))
        await sender.send(BODY[:-1])
    await api.get("/version")
    assert (await api.call("GET", f"{CONFIG_MAPS}/large")).status == 404


# The budget


async def test_a_user_has_a_share_and_holds_up_nobody_else() -> None:
    budget, order = BodyBudget(total=100, share=40), list[str]()

    async def send(user: str, size: int, until: asyncio.Event) -> None:
        async with budget.room(user, size):
            order.append(f"{user}{size}")
            await until.wait()

    done = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for user, size in (("a", 30), ("a", 20), ("b", 40), ("c", 30), ("a", 10), ("d", 1)):
            tasks.create_task(send(user, size, done))
        for _ in range(10):
            await asyncio.sleep(0)
        # a's second has to wait for its first; a's third would fit beside the first, but not in all beside the others
        assert order == ["a30", "b40", "c30"]
        done.set()
    assert sorted(order[3:]) == ["a10", "a20", "d1"]


async def test_the_first_body_is_taken_whatever_its_size() -> None:
    budget = BodyBudget(total=10, share=5)
    async with asyncio.timeout(1), budget.room("a", 100):
        pass


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    budget = BodyBudget(total=10, share=10, patience=0.01)
    async with budget.room("a", 10):
        with pytest.raises(TooManyRequests) as refused:
            async with budget.room("b", 1):
                raise AssertionError
        assert refused.value.details == {"retryAfterSeconds": 1}
    async with budget.room("b", 10):  # nothing is lost by those who gave up
        pass


async def test_who_goes_while_it_waits_gives_its_place_back() -> None:
    budget = BodyBudget(total=10, share=10)

    async def wait() -> None:
        async with budget.room("b", 10):
            raise AssertionError

    async with budget.room("a", 10):
        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(1), budget.room("c", 10):
        pass
