"""Requests to versions that another server has."""

from collections.abc import AsyncIterator

import orjson
import pytest

from sampan.apiserver.aggregation.local import whole
from sampan.apiserver.config import KeyMaterial
from sampan.machinery.errors import InternalError, NotFound
from sampan.machinery.kind import Kind, ServedVersion
from sampan.testing.clock import settle
from sampan.transport.connection import HTTPClient
from sampan.transport.messages import Request, StreamResponse
from tests.apiserver.aggregation.backend import (
    API_SERVICES,
    FLUNDERS,
    GROUP,
    NAME,
    PLACE,
    VERSION,
    Backend,
    api_service,
    front,
    front_proxies,
    register,
    service,
    until_reason,
)
from tests.apiserver.harness import API

FLUNDER = {"metadata": {"name": "one"}, "spec": {"reference": "two"}}


@pytest.fixture
async def api(sample: Backend) -> AsyncIterator[API]:
    async with front() as api:
        await register(api, sample.port)
        yield api


async def test_objects_come_and_go_through_it(api: API, sample: Backend) -> None:
    made = await api.create(FLUNDERS, FLUNDER)
    assert made["metadata"]["uid"] == "uid-one"
    listed = await api.get(FLUNDERS)
    assert [one["metadata"]["name"] for one in listed["items"]] == ["one"]
    assert (await api.call("DELETE", f"{FLUNDERS}/one")).status == 200
    missing = await api.call("GET", f"{FLUNDERS}/one")
    assert (missing.status, missing.body["reason"]) == (404, "NotFound")


async def test_the_backend_learns_who_asks_and_nothing_that_the_client_says_of_it(api: API, sample: Backend) -> None:
    said = {
        "x-remote-user": "root",
        "x-remote-group": "system:masters",
        "x-remote-extra-scopes": "all",
        "x-forwarded-for": "192.0.2.1",
        "impersonate-user": "jane",
        "impersonate-group": "system:masters",
    }
    await api.call("GET", f"{FLUNDERS}/one", query={"pretty": "false", "a b": "c"}, headers=said)
    seen = sample.asked(f"{FLUNDERS}/one")[-1]
    assert seen.headers["x-remote-user"] == "jane"
    assert list(seen.lines("x-remote-group")) == ["system:masters", "system:authenticated"]
    hidden = {"authorization", "impersonate-user", "x-remote-extra-scopes"}
    assert not hidden & seen.headers.keys()
    assert seen.raw_query == "pretty=false&a+b=c"
    assert (seen.headers["x-forwarded-for"], seen.headers["x-forwarded-uri"]) == ("192.0.2.1", f"{FLUNDERS}/one")


async def test_who_may_not_is_refused_here(api: API, sample: Backend) -> None:
    refused = await api.call("GET", FLUNDERS, user="joe")
    assert refused.status == 403
    assert not sample.asked(FLUNDERS)


async def test_a_watch_streams(api: API) -> None:
    async with api.watch(FLUNDERS) as events:
        await api.create(FLUNDERS, FLUNDER)
        assert (await anext(events))["type"] == "ADDED"
        await api.call("DELETE", f"{FLUNDERS}/one")
        assert (await anext(events))["type"] == "DELETED"


async def test_a_watch_that_nobody_reads_any_more_ends_at_the_backend(api: API, sample: Backend) -> None:
    headers = {"authorization": "Bearer admin"}
    reply = await api.raw(Request("GET", FLUNDERS, "watch=true", headers, raw_path=FLUNDERS))
    assert isinstance(reply, StreamResponse)
    await reply.stream.aclose()  # type: ignore[attr-defined]
    await api.create(FLUNDERS, FLUNDER)
    assert (await api.get(f"{FLUNDERS}/one"))["spec"] == {"reference": "two"}


async def test_upgrades_are_connected(sample: Backend) -> None:
    async with front() as api:
        await register(api, sample.port)
        port = api.server.port
        client = HTTPClient(f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer admin"})
        _, connection = await client.upgrade(f"{FLUNDERS}/one/exec?command=ls", (), "SPDY/3.1", method="POST")
        await connection.write(b"hello")
        assert await connection.read() == b"HELLO"
        await connection.close()
    seen = sample.asked(f"{FLUNDERS}/one/exec")[-1]
    assert (seen.method, seen.raw_query, seen.headers["x-remote-user"]) == ("POST", "command=ls", "admin")


async def test_websockets_are_connected_without_the_token_that_they_bring(sample: Backend) -> None:
    token = "base64url.bearer.authorization.k8s.io.YWRtaW4"  # admin
    asking = {"Sec-WebSocket-Protocol": f"{token}, v5.channel.k8s.io", "Sec-WebSocket-Key": "dGVzdA=="}
    async with front() as api:
        await register(api, sample.port)
        client = HTTPClient(f"http://127.0.0.1:{api.server.port}")
        headers, connection = await client.upgrade(f"{FLUNDERS}/one/exec", asking, "websocket")
        await connection.write(b"hello")
        assert await connection.read() == b"HELLO"
        await connection.close()
    seen = sample.asked(f"{FLUNDERS}/one/exec")[-1]
    assert (seen.headers["sec-websocket-protocol"], seen.headers["x-remote-user"]) == ("v5.channel.k8s.io", "admin")
    assert headers["upgrade"] == "websocket"


async def test_answers_are_left_as_they_are(api: API) -> None:
    headers = {"authorization": "Bearer admin", "user-agent": "curl/8"}
    reply = await api.raw(Request("GET", f"{FLUNDERS}/none", "", headers, raw_path=f"{FLUNDERS}/none"))
    assert (await whole(reply)).body == b'{"kind":"Status","reason":"NotFound","code":404}'


async def test_components_in_this_process_use_it_too(api: API, sample: Backend) -> None:
    client = api.server.local_client()
    kind = Kind(name="Flunder", plural="flunders", versions=(ServedVersion(GROUP, VERSION, ""),))
    await client.create(kind, FLUNDER, "default")
    listed = await client.list(kind)
    assert [(one["kind"], one["metadata"]["name"]) for one in listed.items] == [("Flunder", "one")]
    async with client.watch(kind, "default") as events:
        event = await anext(events)
        assert (event.type, event.object["metadata"]["name"]) == ("ADDED", "one")
    with pytest.raises(NotFound):
        await client.get(kind, "none", "default")
    sample.broken = True
    with pytest.raises(InternalError, match="broken"):
        await client.list(kind)
    with pytest.raises(InternalError, match="broken"):
        async with client.watch(kind, "default"):
            pass


async def test_redirects_are_not_passed_on(api: API) -> None:
    refused = await api.call("GET", f"{PLACE}/redirect")
    text = b"the backend attempted to redirect this request, which is not permitted\n"
    assert (refused.status, refused.body) == (502, text)


async def test_discovery_of_the_version_is_the_backends_own(api: API) -> None:
    found = await api.get(PLACE)
    assert [one["name"] for one in found["resources"]] == ["flunders", "flunders/status"]


async def test_what_is_not_available_is_not_asked(sample: Backend) -> None:
    async with front() as api:
        await api.create(API_SERVICES, api_service(sample.port))
        condition = await until_reason(api, "ServiceNotFound")
        assert condition["message"] == 'service/sample in "default" is not present'
        answer = await api.call("GET", FLUNDERS)
    assert (answer.status, answer.body) == (503, b"service unavailable\n")
    assert not sample.requests


async def test_a_bundle_of_another_ca_is_no_way_in(sample: Backend) -> None:
    async with front() as api:
        await api.create("/api/v1/namespaces/default/services", service())
        await api.create(API_SERVICES, api_service(sample.port, caBundle=None))
        condition = await until_reason(api, "FailedDiscoveryCheck")
        assert "x509: certificate signed by unknown authority" in condition["message"]
        patch = {"spec": {"insecureSkipTLSVerify": True}}
        assert (await api.patch(f"{API_SERVICES}/{NAME}", patch)).status == 200
        await until_reason(api, "Passed")


async def test_a_backend_that_has_gone_away_is_said_so(api: API, sample: Backend) -> None:
    await sample.stop()
    answer = await api.call("GET", FLUNDERS)
    assert answer.status == 503
    assert answer.body.startswith(b"error trying to reach service: ")


async def test_a_deleted_api_service_leaves_nothing(api: API) -> None:
    await api.call("DELETE", f"{API_SERVICES}/{NAME}")
    assert (await api.call("GET", FLUNDERS)).status == 404
    groups = await api.get("/apis")
    assert "wardle.example.com" not in [group["name"] for group in groups["groups"]]


async def test_the_servers_own_groups_stay_its_own(sample: Backend) -> None:
    async with front() as api:
        await api.create("/api/v1/namespaces/default/services", service())
        own = api_service(sample.port, group="apiregistration.k8s.io", version="v1")
        await api.create(API_SERVICES, own)
        await until_reason(api, "FailedDiscoveryCheck", "v1.apiregistration.k8s.io")
        assert (await api.get(API_SERVICES))["kind"] == "APIServiceList"
    assert not sample.requests


async def test_slow_readers_hold_the_backend_back(api: API, sample: Backend) -> None:
    """Back-pressure: what nobody reads stays in the backend's queue once the buffers between are full."""
    big = orjson.dumps({"type": "ADDED", "object": {"filler": "x" * 1_000_000}}) + b"\n"
    for _ in range(40):
        sample.changes.put_nowait(big)
    headers = {"authorization": "Bearer admin"}
    reply = await api.raw(Request("GET", FLUNDERS, "watch=true", headers, raw_path=FLUNDERS))
    assert isinstance(reply, StreamResponse)
    before = -1
    while before != sample.changes.qsize():
        before = sample.changes.qsize()
        await settle(2000)
    assert before > 10
    await reply.stream.aclose()  # type: ignore[attr-defined]


async def test_a_renewed_certificate_of_the_front_proxy_is_shown_at_once(api: API, sample: Backend) -> None:
    """Also where a connection is idle that was made with the one before."""
    await api.get(FLUNDERS)
    before = sample.asked(FLUNDERS)[-1].peer_certificate
    await api.get(FLUNDERS)
    assert sample.asked(FLUNDERS)[-1].peer_certificate == before
    config, pair = api.server.config, front_proxies().issue("front-proxy-client")
    await api.server.renew(
        KeyMaterial(
            certificate=config.certificate,
            key=config.key,
            client_ca=config.client_ca,
            requestheader_ca=config.requestheader_ca,
            front_proxy_certificate=pair.certificate,
            front_proxy_key=pair.key,
            kubelet_client_certificate=b"",
            kubelet_client_key=b"",
            kubelet_ca=b"",
        )
    )
    await api.get(FLUNDERS)
    assert sample.asked(FLUNDERS)[-1].peer_certificate not in (before, None)
