"""A webhook's server: real HTTPS on the loopback, with an answer per path."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from sampan.transport.messages import Request, Response
from sampan.transport.server import HTTPServer
from sampan.transport.tls import server_context
from tests.apiserver.pki import authority

Object = dict[str, Any]
Answer = Callable[[Object], Object | Awaitable[Object]]


class HookServer:
    """`answers` has a function of the review for each path; `asked` has all reviews, with their paths and queries."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, Object]] = []
        self.hanging = asyncio.Event()  # set when somebody waits for an answer that never comes
        self._server = HTTPServer(self._handle)
        self.port = 0

    async def _handle(self, request: Request) -> Response:
        review = orjson.loads(request.body)
        self.asked.append((request.path, request.raw_query, review))
        made = self.answers[request.path](review)
        answer = made if isinstance(made, dict) else await made
        if "raw" in answer:
            return Response(answer.get("code", 200), answer["raw"], "application/json")
        return Response(200, orjson.dumps(answer), "application/json")

    async def start(self) -> None:
        """Listen."""
        pair = authority().issue("localhost", server=True)
        self.port = await self._server.start("127.0.0.1", 0, server_context(pair.certificate, pair.key))

    async def stop(self) -> None:
        """Close."""
        await self._server.stop()

    async def hang(self, review: Object) -> Object:
        """An Answer that never comes."""
        self.hanging.set()
        await asyncio.Event().wait()
        raise AssertionError

    def client_config(self, path: str) -> Object:
        """How it is reached."""
        bundle = base64.b64encode(authority().certificate).decode()
        return {"url": f"https://127.0.0.1:{self.port}{path}", "caBundle": bundle}

    def requests(self, path: str) -> list[Object]:
        """What was asked under a path."""
        return [review["request"] for at, _, review in self.asked if at == path]


@asynccontextmanager
async def serving() -> AsyncIterator[HookServer]:
    """A server, gone afterwards."""
    server = HookServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def answer(review: Object, **response: Any) -> Object:
    """A good answer to a review."""
    said = {"uid": review["request"]["uid"], **response}
    return {"kind": review["kind"], "apiVersion": review["apiVersion"], "response": said}


def allow(review: Object) -> Object:
    """Yes."""
    return answer(review, allowed=True)


def deny(message: str = "", **status: Any) -> Answer:
    """No."""
    return lambda review: answer(review, allowed=False, status={"message": message, **status} if message else None)


def patch(*operations: Object) -> Answer:
    """Yes, with changes."""
    encoded = base64.b64encode(orjson.dumps(operations)).decode()
    return lambda review: answer(review, allowed=True, patch=encoded, patchType="JSONPatch")
