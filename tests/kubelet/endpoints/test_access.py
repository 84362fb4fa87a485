"""Who comes in at the kubelet's API, asked of a real API server."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sampan.apiserver.authentication.user import authenticated
from sampan.client.api import Client
from sampan.kubelet.endpoints.access import ALLOWED_TTL, REFUSED_TTL, TOKEN_TTL, Access
from sampan.kubelet.endpoints.answers import HTTPError
from sampan.kubelet.endpoints.attributes import subresources_of, verb_of
from sampan.kubelet.endpoints.remembered import Remembered
from sampan.machinery.errors import ServiceUnavailable
from sampan.testing.clock import VirtualClock
from sampan.transport.messages import Request
from tests.apiserver.harness import API, running
from tests.apiserver.pki import Authority, authority

ROLES = "/apis/rbac.authorization.k8s.io/v1"


@pytest.mark.parametrize(
    ("path", "subresources"),
    [
        ("/pods", ("pods", "proxy")),
        ("/pods/", ("pods", "proxy")),
        ("/runningpods/", ("pods", "proxy")),
        ("/healthz", ("healthz", "proxy")),
        ("/healthz/ping", ("healthz", "proxy")),
        ("/configz", ("configz", "proxy")),
        ("/stats/summary", ("stats",)),
        ("/metrics", ("metrics",)),
        ("/metrics/cadvisor", ("metrics",)),
        ("/logs/", ("log",)),
        ("/checkpoint/ns/pod/c", ("checkpoint",)),
        ("/containerLogs/ns/pod/c", ("proxy",)),
        ("/exec/ns/pod/c", ("proxy",)),
        ("/run/ns/pod/c", ("proxy",)),
        ("/podsecurity", ("proxy",)),
        ("/metricsx", ("proxy",)),
        ("/", ("proxy",)),
    ],
)
def test_subresources(path: str, subresources: tuple[str, ...]) -> None:
    assert subresources_of(path) == subresources


@pytest.mark.parametrize(
    ("method", "verb"),
    [("GET", "get"), ("POST", "create"), ("PUT", "update"), ("PATCH", "patch"), ("DELETE", "delete"), ("HEAD", "")],
)
def test_verbs(method: str, verb: str) -> None:
    assert verb_of(method) == verb


class Asked(Client):
    """A client that counts what it asks."""

    def __init__(self, api: API) -> None:
        node = authenticated("system:node:n1", ("system:nodes",))
        super().__init__(api.server.local_client(node).transport)
        self.reviews: list[str] = []
        self.broken = False

    async def create(self, kind: Any, obj: Any, namespace: str = "", *, subresource: str = "") -> Any:
        self.reviews.append(kind.name)
        if self.broken:
            raise ServiceUnavailable("away")
        return await super().create(kind, obj, namespace, subresource=subresource)


class Door:
    """The access of node n1, with its clock."""

    def __init__(self, api: API) -> None:
        self.api, self.clock, self.client = api, VirtualClock(datetime.now(UTC)), Asked(api)
        self.access = Access(self.client, "n1", authority().certificate, self.clock)

    async def knock(self, path: str = "/pods", method: str = "GET", token: str = "", certificate: Any = None) -> str:
        """Who comes in, or what stands on the door."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            return (await self.access.check(Request(method, path, "", headers, peer_certificate=certificate))).name
        except HTTPError as error:
            return f"{error.status} {error}"

    async def allow(self, user: str, verbs: list[str], *resources: str) -> None:
        rule = {"apiGroups": [""], "resources": list(resources), "verbs": verbs}
        await self.api.create(f"{ROLES}/clusterroles", {"metadata": {"name": "r"}, "rules": [rule]})
        binding = {
            "metadata": {"name": "r"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }
        await self.api.create(f"{ROLES}/clusterrolebindings", binding)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with running() as api:
        yield Door(api)


def refusal(user: str, verb: str, subresources: str) -> str:
    return f"403 Forbidden (user={user}, verb={verb}, resource=nodes, subresource(s)=[{subresources}])\n"


async def test_nobody_is_refused_without_a_question(door: Door) -> None:
    assert await door.knock() == "401 Unauthorized"
    assert await door.knock(token="x" * 20_000) == "401 Unauthorized"
    assert not door.client.reviews


async def test_a_bad_token_is_refused_and_remembered(door: Door) -> None:
    for _ in range(3):
        assert await door.knock(token="wrong") == "401 Unauthorized"
    assert door.client.reviews == ["TokenReview"]
    await door.clock.advance(TOKEN_TTL)
    assert await door.knock(token="wrong") == "401 Unauthorized"
    assert door.client.reviews == ["TokenReview"] * 2


async def test_a_token_comes_in_as_far_as_its_user_may(door: Door) -> None:
    assert await door.knock(token="admin") == "admin"
    assert await door.knock(token="joe") == refusal("joe", "get", "pods proxy")
    assert await door.knock("/exec/a/b/c", "POST", token="joe") == refusal("joe", "create", "proxy")


@pytest.mark.parametrize(
    ("resources", "opens", "stays"),
    [
        (["nodes/metrics"], ["/metrics", "/metrics/resource"], ["/stats/summary", "/pods", "/healthz"]),
        (["nodes/pods"], ["/pods", "/runningpods/"], ["/configz", "/containerLogs/a/b/c"]),
        (
            ["nodes/proxy"],
            ["/pods", "/healthz", "/configz", "/containerLogs/a/b/c"],
            ["/metrics", "/logs/", "/stats/x"],
        ),
        (["nodes/stats", "nodes/log"], ["/stats/summary", "/logs/x"], ["/pods"]),
        (["nodes"], [], ["/pods", "/metrics"]),
    ],
)
async def test_fine_grained(door: Door, resources: list[str], opens: list[str], stays: list[str]) -> None:
    await door.allow("joe", ["get"], *resources)
    assert [await door.knock(path, token="joe") for path in opens] == ["joe"] * len(opens)
    assert all([(await door.knock(path, token="joe")).startswith("403") for path in stays])
    assert all([(await door.knock(path, "POST", token="joe")).startswith("403") for path in opens])


async def test_decisions_are_remembered_for_a_while(door: Door) -> None:
    assert (await door.knock("/metrics", token="joe")).startswith("403")
    await door.allow("joe", ["get"], "nodes/metrics")
    await door.clock.advance(REFUSED_TTL - 1)
    assert (await door.knock("/metrics", token="joe")).startswith("403")
    await door.clock.advance(1)
    assert await door.knock("/metrics", token="joe") == "joe"
    await door.api.call("DELETE", f"{ROLES}/clusterrolebindings/r")
    await door.clock.advance(ALLOWED_TTL - 1)
    assert await door.knock("/metrics", token="joe") == "joe"
    await door.clock.advance(1)
    assert (await door.knock("/metrics", token="joe")).startswith("403")


def issued(name: str, *groups: str) -> bytes:
    """A client certificate, as the handshake gives it."""
    return ssl.PEM_cert_to_DER_cert(authority().issue(name, groups).certificate.decode())


async def test_certificates(door: Door) -> None:
    der = issued("kube-apiserver-kubelet-client", "system:masters")
    assert await door.knock("/exec/a/b/c", "POST", certificate=der) == "kube-apiserver-kubelet-client"
    assert await door.knock(certificate=issued("joe")) == refusal("joe", "get", "pods proxy")
    assert await door.knock(certificate=issued("joe"), token="admin") == refusal("joe", "get", "pods proxy")


async def test_a_certificate_is_good_in_its_time_and_of_its_authority_only(door: Door) -> None:
    der = issued("admin", "system:masters")
    assert await door.knock(certificate=der) == "admin"
    await door.clock.advance(7200)
    assert await door.knock(certificate=der) == "401 Unauthorized"
    foreign = Authority("others").issue("admin", ("system:masters",)).certificate
    assert await door.knock(certificate=ssl.PEM_cert_to_DER_cert(foreign.decode())) == "401 Unauthorized"
    assert await door.knock(certificate=b"nonsense") == "401 Unauthorized"
    assert await door.knock(certificate=b"nonsense", token="admin") == "admin"


async def test_without_the_api_server_nobody_new_comes_in(door: Door) -> None:
    assert await door.knock("/metrics", token="admin") == "admin"
    door.client.broken = True
    assert await door.knock("/metrics", token="admin") == "admin"
    what = "user=admin, verb=get, resource=nodes, subresource=stats"
    assert await door.knock("/stats/summary", token="admin") == f"500 Authorization error ({what})"
    assert await door.knock("/metrics", token="joe") == "401 Unauthorized"


async def test_what_is_remembered_is_bounded() -> None:
    known: Remembered[int, str] = Remembered(VirtualClock(), size=2)
    for number in (1, 2):
        known.put(number, str(number), 10)
    assert known.get(1) == "1"
    known.put(3, "3", 10)
    assert (known.get(1), known.get(2), known.get(3)) == ("1", None, "3")
