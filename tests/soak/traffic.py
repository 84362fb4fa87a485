"""What clients do: read, list, create, update and delete a few ConfigMaps, and watch them. All of it is written down.

The mix is that of etcd's robustness tests for Kubernetes (traffic/kubernetes.go). Called by run.py.
"""

import asyncio
import time
from collections.abc import Awaitable
from random import Random
from typing import Any

from sampan.client.api import Client
from sampan.kinds.core.config_map import KIND
from sampan.machinery.errors import AlreadyExists, APIError, Conflict, Expired, NotFound
from sampan.machinery.meta import Object
from tests.soak.history import OK, REFUSED, UNKNOWN, History, Listed, Read, Seen, State, Verb, Watched, Write

NAMESPACE = "soak"
KEYS = tuple(f"k{number}" for number in range(10))
_MIX = {"get": 5, "list": 4, "stale": 4, "update": 90, "create": 5, "delete": 5}
_PAUSE = 0.002  # seconds between two requests of a client
_AFTER_FAILURE = 0.05
_BROKEN = (OSError, EOFError, TimeoutError)
_SURE = (AlreadyExists, Conflict, NotFound)  # it has not happened


def state_of(obj: Object) -> State:
    """What a history remembers of an object."""
    return State(int(obj["metadata"]["resourceVersion"]), obj["data"]["value"])


class Traffic:
    """Clients and watchers of one server. `known` is what any of them has seen last."""

    def __init__(self, history: History, random: Random) -> None:
        self.history, self._random = history, random
        self._known: dict[str, State | None] = dict.fromkeys(KEYS)
        self._numbers = 0

    async def work(self, client: Client) -> None:
        """One client, until cancelled."""
        while True:
            (what,) = self._random.choices(list(_MIX), list(_MIX.values()))
            try:
                await getattr(self, f"_{what}")(client, self._random.choice(KEYS))
            except (*_BROKEN, APIError):
                await asyncio.sleep(_AFTER_FAILURE)
            await asyncio.sleep(_PAUSE)

    async def watch(self, client: Client, until: "asyncio.Future[int]") -> None:
        """One watcher that comes back where it was, until it has seen the revision that `until` comes to."""
        after = 0
        while not (until.done() and after >= until.result()):
            try:
                after = after or (await self._listed(client)).revision
                after = await self._follow(client, Watched(after), until)
            except Expired:
                after = 0
            except (*_BROKEN, APIError):
                await asyncio.sleep(_AFTER_FAILURE)

    async def _follow(self, client: Client, watched: Watched, until: "asyncio.Future[int]") -> int:
        """One watch, for a while; the revision to go on from."""
        self.history.watches.append(watched)
        last = watched.after
        try:
            async with asyncio.timeout(self._random.uniform(0.2, 5.0)):
                async with client.watch(KIND, NAMESPACE, resource_version=str(watched.after)) as events:
                    async for event in events:
                        seen = _seen(event.type, event.object)
                        watched.events.append(seen)
                        last = max(last, seen.revision)
                        if until.done() and last >= until.result():
                            break
        except (*_BROKEN, APIError) as error:
            if isinstance(error, Expired):
                raise
            if not isinstance(error, TimeoutError):
                await asyncio.sleep(_AFTER_FAILURE)
        return last

    async def _get(self, client: Client, key: str) -> None:
        sent = time.monotonic()
        try:
            found: State | None = state_of(await client.get(KIND, key, NAMESPACE))
        except NotFound:
            found = None
        self.history.reads.append(Read(key, found, sent, time.monotonic()))
        self._known[key] = found

    async def _list(self, client: Client, key: str) -> None:
        self._known.update(dict.fromkeys(KEYS) | (await self._listed(client)).found)

    async def _stale(self, client: Client, key: str) -> None:
        await self._listed(client, stale=True)

    async def _listed(self, client: Client, *, stale: bool = False) -> Listed:
        sent = time.monotonic()
        query = {"resourceVersion": "0"} if stale else {}
        answer = await client.transport.request("GET", KIND.path(NAMESPACE), query=query)
        ours = [item for item in answer["items"] if "value" in item.get("data", ())]
        found = {item["metadata"]["name"]: state_of(item) for item in ours}
        revision = int(answer["metadata"]["resourceVersion"])
        listed = Listed(revision, found, sent, time.monotonic(), stale)
        self.history.lists.append(listed)
        return listed

    async def _create(self, client: Client, key: str) -> None:
        value = self._value()
        body = {"metadata": {"name": key}, "data": {"value": value}}
        await self._write("create", key, value, 0, client.create(KIND, body, NAMESPACE))

    async def _update(self, client: Client, key: str) -> None:
        if (known := self._known[key]) is None:
            await self._create(client, key)
            return
        value = self._value()
        meta = {"name": key, "namespace": NAMESPACE, "resourceVersion": str(known.revision)}
        body = {"metadata": meta, "data": {"value": value}}
        await self._write("update", key, value, known.revision, client.update(KIND, body))

    async def _delete(self, client: Client, key: str) -> None:
        if (known := self._known[key]) is None:
            await self._get(client, key)
            return
        deletion = client.delete(KIND, key, NAMESPACE, resource_version=str(known.revision))
        await self._write("delete", key, known.value, known.revision, deletion)

    async def _write(self, verb: Verb, key: str, value: str, expected: int, request: Awaitable[Any]) -> None:
        sent, outcome, revision = time.monotonic(), UNKNOWN, 0
        try:
            answer = await request
            outcome, revision = OK, 0 if verb == "delete" else state_of(answer).revision
            self._known[key] = None if verb == "delete" else State(revision, value)
        except _SURE:
            outcome = REFUSED
            self._known[key] = None
            raise
        finally:
            self.history.writes.append(Write(verb, key, value, expected, sent, time.monotonic(), outcome, revision))

    async def last(self, client: Client) -> int:
        """The last write; its revision."""
        await self._create(client, "last")
        return self.history.writes[-1].revision

    def _value(self) -> str:
        self._numbers += 1
        return str(self._numbers)


def _seen(type: str, obj: Object) -> Seen:
    meta = obj["metadata"]
    if type == "BOOKMARK":
        return Seen(type, int(meta["resourceVersion"]))
    return Seen(type, int(meta["resourceVersion"]), meta["name"], obj.get("data", {}).get("value", ""))
