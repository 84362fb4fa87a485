"""An API server in memory, called without sockets: raw requests in, decoded answers out."""

import inspect
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from sampan.apiserver.aggregation.local import whole
from sampan.apiserver.aggregation.wanted import builtin_api_services
from sampan.apiserver.authentication.user import authenticated
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.cluster.loop_monitor import LIMIT, Hold, LoopMonitor
from sampan.storage.memory import MemoryStore
from sampan.transport.messages import Request, Response, StreamResponse
from tests.apiserver.pki import signing_key

TOKENS = {
    "admin": authenticated("admin", ("system:masters",)),
    "joe": authenticated("joe"),
    "node": authenticated("system:node:n1", ("system:nodes",)),
}
PODS = "/api/v1/namespaces/default/pods"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


class Answer(NamedTuple):
    """A whole response."""

    status: int
    body: Any  # decoded JSON; bytes where it is something else
    headers: Mapping[str, str]
    warnings: list[str]


class API:
    """Calls as users of TOKENS."""

    def __init__(self, server: APIServer) -> None:
        self.server = server

    async def raw(self, request: Request) -> Any:
        """One request as it is, and its reply."""
        reply = self.server.app.handle(request)
        return await reply if inspect.isawaitable(reply) else reply

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "admin",
        query: Mapping[str, str] | None = None,
        accept: str = "",
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call; `body` is a tree, or bytes."""
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent = {"accept": accept, "content-type": content_type, **(headers or {})}
        if user:
            sent["authorization"] = f"Bearer {user}"
        reply = await self.raw(Request(method, path, urlencode(query or {}), sent, raw, raw_path=path))
        return _answer(await whole(reply))

    async def get(self, path: str, **options: Any) -> Any:
        """GET that must succeed."""
        answer = await self.call("GET", path, **options)
        assert answer.status == 200, answer
        return answer.body

    async def create(self, path: str, body: Any, **options: Any) -> Any:
        """POST that must succeed."""
        answer = await self.call("POST", path, body, **options)
        assert answer.status == 201, answer
        return answer.body

    async def patch(self, path: str, body: Any, kind: str = "merge-patch", **options: Any) -> Answer:
        """PATCH."""
        return await self.call("PATCH", path, body, content_type=f"application/{kind}+json", **options)

    @asynccontextmanager
    async def watch(self, path: str, **options: Any) -> AsyncIterator[AsyncIterator[Any]]:
        """The events of a watch."""
        query = {"watch": "true", **options.pop("query", {})}
        headers = {"accept": options.pop("accept", ""), "authorization": f"Bearer {options.pop('user', 'admin')}"}
        reply = await self.raw(Request("GET", path, urlencode(query), headers, raw_path=path))
        assert isinstance(reply, StreamResponse), reply
        try:
            yield _events(reply.stream)
        finally:
            await reply.stream.aclose()  # type: ignore[attr-defined]

    async def samples(self, name: str) -> dict[str, float]:
        """What /metrics says of names that begin so, labels included."""
        text = (await self.call("GET", "/metrics")).body.decode()
        lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith(name)]
        return {labels: float(value) for labels, _, value in lines}

    async def service_account(self, namespace: str = "default", name: str = "default") -> Any:
        """What the controllers would have made."""
        return await self.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})


async def registered(api: API) -> None:
    """Wait until the server has registered what it serves itself, which it does after its start."""
    waiting = set(builtin_api_services(api.server.services.catalogue))
    async with api.watch("/apis/apiregistration.k8s.io/v1/apiservices") as events:
        while waiting:
            waiting.discard((await anext(events))["object"]["metadata"]["name"])


async def _events(stream: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for chunk in stream:
        for line in chunk.splitlines():
            yield orjson.loads(line)


def _answer(reply: Response) -> Answer:
    body = b"".join([reply.body, *reply.chunks])
    headers = {name.lower(): value for name, value in reply.headers}
    warnings = [value for name, value in reply.headers if name == "Warning"]
    decoded = orjson.loads(body) if "json" in reply.content_type and body else body
    return Answer(reply.status, decoded, headers | {"content-type": reply.content_type}, warnings)


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[API]:
    """A server with its bootstrap objects, gone afterwards."""
    store = options.pop("store", None) or MemoryStore()
    server = APIServer(APIServerConfig(store=store, service_account_key=signing_key(), tokens=TOKENS, **options))
    await server.start()
    holds: list[Hold] = []
    try:
        with LoopMonitor(holds.append, limit=2 * LIMIT, tick=LIMIT / 4):
            yield API(server)
    finally:
        await server.stop(0)
        await store.close()
    _check(holds)


def _check(holds: Sequence[Hold]) -> None:
    """Nothing that a test asks for may hold the loop. Collections of garbage, and what tests work out by themselves by
    the machinery, are the tests' own."""
    held = [hold for hold in holds if not hold.place.startswith(("garbage", "one round", "sampan.machinery."))]
    assert not held, "\n".join(f"{hold.place} held the loop for {hold.seconds:.3f} s, in {hold.stack}" for hold in held)


def config_map(name: str, **data: str) -> dict[str, Any]:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    """A Pod of one container."""
    containers = [{"name": "main", "image": "busybox"}]
    meta = {"name": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers, **spec}}


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    """A Deployment of one container."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "busybox"}]}}
    body = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body}
