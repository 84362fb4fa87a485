"""An extender: an HTTP server on the loopback with an answer for each verb."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from sampan.scheduler.configuration.extender import ExtenderConfiguration
from sampan.transport.messages import Request, Response
from sampan.transport.server import HTTPServer

Object = dict[str, Any]
Answer = Callable[[Object], Any]


class ExtenderServer:
    """`answers` has a function of what is sent for each verb; `asked` has all of it."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, Object]] = []
        self._server = HTTPServer(self._handle)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/scheduler"

    def configuration(self, **fields: Any) -> ExtenderConfiguration:
        """How it is reached, with the verbs that it has answers for."""
        verbs = {f"{verb}_verb": verb for verb in self.answers}
        return ExtenderConfiguration(self.url, **{**verbs, **fields})

    def verbs(self) -> list[str]:
        """What has been asked."""
        return [verb for verb, _ in self.asked]

    async def _handle(self, request: Request) -> Response:
        assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
        verb, said = request.path.rpartition("/")[2], orjson.loads(request.body)
        self.asked.append((verb, said))
        answer = self.answers[verb](said)
        if isinstance(answer, Awaitable):
            answer = await answer
        if isinstance(answer, int):
            return Response(answer, b"", "text/plain")
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        return Response(200, body, "application/json")


@asynccontextmanager
async def extender_server(**answers: Answer) -> AsyncIterator[ExtenderServer]:
    """A server that listens."""
    made = ExtenderServer()
    made.answers |= answers
    made.port = await made._server.start("127.0.0.1", 0)
    try:
        yield made
    finally:
        await made._server.stop()


def items(said: Object) -> list[str]:
    """The names of the nodes that are sent."""
    return [node["metadata"]["name"] for node in said["Nodes"]["items"]]


async def never(said: Object) -> Any:
    """An answer that does not come."""
    await asyncio.Event().wait()
