"""Priority and fairness of a whole server: where requests belong, who waits, who is refused, what is told of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sampan.storage.memory import MemoryStore
from sampan.transport.messages import Request
from tests.apiserver.harness import API, CONFIG_MAPS, config_map, running

FLOWS = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
LEVELS = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations"
DEBUG = "/debug/api_priority_and_fairness"
SCHEMA_UID, LEVEL_UID = "x-kubernetes-pf-flowschema-uid", "x-kubernetes-pf-prioritylevel-uid"


class HeldStore(MemoryStore):
    """Creations of names that begin with "held" take until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()
        self.arrived = asyncio.Semaphore(0)

    async def create(self, key: str, value: bytes) -> int:
        if "/held" in key:
            self.arrived.release()
            await self.let_go.wait()
        return await super().create(key, value)


@asynccontextmanager
async def _held() -> AsyncIterator[tuple[API, HeldStore]]:
    store = HeldStore()
    async with running(store=store) as api:
        try:
            yield api, store
        finally:
            store.let_go.set()


def level(name: str, response: dict[str, Any], shares: int = 1) -> dict[str, Any]:
    limited = {"nominalConcurrencyShares": shares, "lendablePercent": 0, "limitResponse": response}
    limited["borrowingLimitPercent"] = 0
    return {"metadata": {"name": name}, "spec": {"type": "Limited", "limited": limited}}


def schema(name: str, level: str, user: str = "joe") -> dict[str, Any]:
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    rule = {
        "subjects": [{"kind": "User", "user": {"name": user}}],
        "resourceRules": [everything],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    }
    spec = {"priorityLevelConfiguration": {"name": level}, "matchingPrecedence": 100, "rules": [rule]}
    return {"metadata": {"name": name}, "spec": {**spec, "distinguisherMethod": {"type": "ByUser"}}}


async def limit(api: API, response: dict[str, Any]) -> int:
    """Joe's requests get a level of a few seats; how many."""
    await api.create(LEVELS, level("few", response))
    await api.create(FLOWS, schema("few", "few"))
    rights = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"}
    subjects = [{"kind": "User", "name": "joe", "apiGroup": "rbac.authorization.k8s.io"}]
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    await api.create(path, {"metadata": {"name": "joe"}, "roleRef": rights, "subjects": subjects})
    await api.call("GET", CONFIG_MAPS, user="joe")
    return api.server.fairness.levels.states["few"].seats


async def hold(api: API, store: HeldStore, count: int) -> list[asyncio.Task[Any]]:
    """So many requests of joe's that take long."""
    made = [
        asyncio.create_task(api.call("POST", CONFIG_MAPS, config_map(f"held-{number}"), user="joe"))
        for number in range(count)
    ]
    for _ in range(count):
        await store.arrived.acquire()
    return made


REJECT = {"type": "Reject"}


def queue(length: int) -> dict[str, Any]:
    return {"type": "Queue", "queuing": {"queues": 1, "handSize": 1, "queueLengthLimit": length}}


async def test_answers_say_where_their_requests_belonged() -> None:
    async with running() as api:
        made_level = await api.create(LEVELS, level("mine", REJECT))
        made = await api.create(FLOWS, schema("mine", "mine"))
        for path in ("/version", CONFIG_MAPS, "/api/v1/nodes/none"):
            answer = await api.call("GET", path, user="joe")
            assert answer.headers[SCHEMA_UID] == made["metadata"]["uid"], answer
            assert answer.headers[LEVEL_UID] == made_level["metadata"]["uid"]
        other = (await api.call("GET", "/version", user="admin")).headers
        assert other[SCHEMA_UID] == (await api.get(f"{FLOWS}/exempt"))["metadata"]["uid"]
        assert (await api.call("DELETE", f"{FLOWS}/mine")).status == 200
        answer = await api.call("GET", "/version", user="joe")
        assert answer.headers[SCHEMA_UID] == (await api.get(f"{FLOWS}/global-default"))["metadata"]["uid"]


async def test_what_is_too_much_is_told_to_come_again() -> None:
    async with _held() as (api, store):
        seats = await limit(api, REJECT)
        held = await hold(api, store, seats)
        refused = await api.call("GET", "/version", user="joe")
        assert (refused.status, refused.body) == (429, b"Too many requests, please try again later.\n")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["content-type"] == "text/plain; charset=utf-8"
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert refused.headers[LEVEL_UID] == (await api.get(f"{LEVELS}/few"))["metadata"]["uid"]
        assert (await api.call("GET", "/healthz", user="node")).status == 200, "others are served"
        store.let_go.set()
        assert {answer.status for answer in await asyncio.gather(*held)} == {201}
        assert (await api.call("GET", "/version", user="joe")).status == 200
        samples = await api.samples("apiserver_flowcontrol_rejected_requests_total")
        assert samples == {
            'apiserver_flowcontrol_rejected_requests_total{flow_schema="few",priority_level="few",'
            'reason="concurrency-limit"}': 1.0
        }


async def test_who_waits_is_served_in_turn_and_who_finds_a_full_queue_is_not() -> None:
    async with _held() as (api, store):
        seats = await limit(api, queue(2))
        held = await hold(api, store, seats)
        waiting = [asyncio.create_task(api.call("GET", "/version", user="joe")) for _ in range(2)]
        await asyncio.sleep(0)
        assert (await api.call("GET", "/version", user="joe")).status == 429
        assert not any(task.done() for task in waiting)
        text = (await api.call("GET", f"{DEBUG}/dump_requests", query={"includeRequestDetails": "1"})).body.decode()
        rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
        mine = [dict(zip(rows[0], row, strict=True)) for row in rows[1:] if row[0] == "few"]
        assert [row["RequestIndexInQueue"] for row in mine] == ["0", "1", *["-1"] * seats]
        assert mine[0]["APIPath"] == "/version" and mine[0]["UserName"] == "joe" and mine[0]["FlowDistingsher"] == "joe"
        store.let_go.set()
        assert {answer.status for answer in await asyncio.gather(*held, *waiting)} == {200, 201}


async def test_who_waits_too_long_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sampan.apiserver.fairness.fairness._PATIENCE", 0.05)
    async with _held() as (api, store):
        seats = await limit(api, queue(50))
        await hold(api, store, seats)
        assert (await api.call("GET", "/version", user="joe")).status == 429
        samples = await api.samples("apiserver_flowcontrol_rejected_requests_total")
        assert [name for name in samples if 'reason="time-out"' in name]
        assert api.server.fairness.levels.states["few"].queues.waiting == 0


async def test_clients_that_go_leave_no_seat_taken() -> None:
    """Waiting, being served, or before anybody has begun to wait for their answer."""
    async with _held() as (api, store):
        seats = await limit(api, queue(50))
        queues = api.server.fairness.levels.states["few"].queues
        held = await hold(api, store, seats)
        waiting = [asyncio.create_task(api.call("GET", "/version", user="joe")) for _ in range(3)]
        await asyncio.sleep(0)
        request = Request("GET", "/version", "", {"authorization": "Bearer joe"}, raw_path="/version")
        never = api.server.app.handle(request)
        assert queues.waiting == 4
        never.close()  # type: ignore[union-attr] - a task that is cancelled before its first step does so
        del never
        assert queues.waiting == 3
        for task in (*waiting, *held):
            task.cancel()
        await asyncio.gather(*waiting, *held, return_exceptions=True)
        assert queues.idle and queues.seats == 0
        assert (await api.call("GET", "/version", user="joe")).status == 200


async def test_what_runs_long_takes_no_seat() -> None:
    async with _held() as (api, store):
        seats = await limit(api, REJECT)
        await hold(api, store, seats)
        assert (await api.call("GET", f"{CONFIG_MAPS}/x", user="joe")).status == 429
        answer = await api.call("GET", "/api/v1/namespaces/default/pods/x/log", user="joe")
        assert answer.status == 404
        assert SCHEMA_UID not in answer.headers


async def test_a_watch_has_its_seat_only_while_it_begins() -> None:
    async with running() as api:
        seats = await limit(api, REJECT)
        watches = [api.watch(CONFIG_MAPS, user="joe", query={"resourceVersion": "1"}) for _ in range(seats + 2)]
        streams = [await watch.__aenter__() for watch in watches]
        assert (await api.call("GET", "/version", user="joe")).status == 200
        assert len(streams) == seats + 2
        for watch in watches:
            await watch.__aexit__(None, None, None)


async def _condition(api: API, name: str, status: str) -> Any:
    query = {"fieldSelector": f"metadata.name={name}", "resourceVersion": "0"}
    async with asyncio.timeout(10), api.watch(FLOWS, query=query) as events:
        async for event in events:
            for one in event["object"].get("status", {}).get("conditions", []):
                if one["type"] == "Dangling" and one["status"] == status:
                    return event["object"]
    raise AssertionError


async def test_a_schema_without_a_level_dangles() -> None:
    async with running() as api:
        await api.create(FLOWS, schema("mine", "none"))
        found = await _condition(api, "mine", "True")
        assert found["status"]["conditions"][0]["reason"] == "NotFound"
        assert found["status"]["conditions"][0]["message"] == (
            'This FlowSchema references the PriorityLevelConfiguration object named "none" but there is no such object'
        )
        managers = [one for one in found["metadata"]["managedFields"] if one.get("subresource") == "status"]
        assert managers[0]["manager"] == "api-priority-and-fairness-config-consumer-v1"
        assert managers[0]["operation"] == "Apply"
        answer = await api.call("GET", "/version", user="joe")
        assert answer.headers[SCHEMA_UID] != found["metadata"]["uid"]
        await api.create(LEVELS, level("none", REJECT))
        found = await _condition(api, "mine", "False")
        assert found["status"]["conditions"][0]["reason"] == "Found"
        answer = await api.call("GET", "/version", user="joe")
        assert answer.headers[SCHEMA_UID] == found["metadata"]["uid"]
        table = (await api.call("GET", FLOWS, accept="application/json;as=Table;v=v1;g=meta.k8s.io")).body
        column = [one["name"] for one in table["columnDefinitions"]].index("MissingPL")
        await _condition(api, "exempt", "False")
        assert {row["cells"][column] for row in table["rows"] if row["cells"][0] == "mine"} == {"False"}


async def test_metrics_and_pages_tell_of_it() -> None:
    async with running() as api:
        await api.call("GET", "/version", user="joe")
        place = 'flow_schema="global-default",priority_level="global-default"'
        samples = await api.samples("apiserver_flowcontrol_")
        assert samples[f"apiserver_flowcontrol_dispatched_requests_total{{{place}}}"] == 1
        assert samples[f'apiserver_flowcontrol_request_wait_duration_seconds_count{{execute="true",{place}}}'] == 1
        assert samples[f'apiserver_flowcontrol_request_execution_seconds_count{{{place},type="regular"}}'] == 1
        assert samples['apiserver_flowcontrol_nominal_limit_seats{priority_level="global-default"}'] == 49
        assert samples['apiserver_flowcontrol_current_limit_seats{priority_level="catch-all"}'] >= 13
        text = (await api.call("GET", f"{DEBUG}/dump_priority_levels")).body.decode()
        assert text.splitlines()[0].startswith("PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests,")
        assert [line.split(",")[0] for line in text.splitlines()[1:]] == sorted(api.server.fairness.levels.states)
        queues = (await api.call("GET", f"{DEBUG}/dump_queues")).body.decode().splitlines()
        assert sum(line.startswith("leader-election") for line in queues) == 16
        assert (await api.call("GET", f"{DEBUG}/dump_queues", user="joe")).status == 403
        paths = (await api.get("/"))["paths"]
        assert not [path for path in paths if path.startswith("/debug")]


async def test_impersonated_requests_belong_to_whom_they_are_for() -> None:
    async with running() as api:
        made_level = await api.create(LEVELS, level("mine", REJECT))
        await api.create(FLOWS, schema("mine", "mine", user="noxu"))
        answer = await api.call("GET", "/version", headers={"impersonate-user": "noxu"})
        assert answer.headers[LEVEL_UID] == made_level["metadata"]["uid"]
