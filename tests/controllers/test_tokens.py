"""Tokens of ServiceAccounts that Secrets hold, and bootstrap tokens: made, signed with, and cleaned up."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from sampan.controllers.bootstrap_signer import signature, signed
from sampan.controllers.config import Config
from sampan.controllers.legacy_token_cleaner import CONTROLLER as CLEANER
from sampan.controllers.legacy_token_cleaner import Fate, fate
from sampan.controllers.service_account import CONTROLLER as SERVICE_ACCOUNTS
from sampan.controllers.service_account_tokens import CONTROLLER as TOKENS
from sampan.kinds.core import bootstrap_token
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.secret import KIND as SECRET
from sampan.kinds.core.secret import SERVICE_ACCOUNT_NAME, SERVICE_ACCOUNT_TOKEN
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kinds.core.service_account_token import INVALID_SINCE, LAST_USED, TRACKING
from sampan.machinery.meta import Object, format_time, labels_of
from tests.controllers.cluster import NS, Cluster, control_plane

SYSTEM, PUBLIC = "kube-system", "kube-public"
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with control_plane(Config(root_ca="PEM", sign_token=lambda claims: orjson.dumps(claims).decode())) as running:
        yield running


def token(name: str, account: str = "default", **meta: Any) -> Object:
    """A Secret that is to hold a token."""
    notes = {SERVICE_ACCOUNT_NAME: account}
    return {"metadata": {"name": name, "annotations": notes, **meta}, "type": SERVICE_ACCOUNT_TOKEN}


def plain(secret: Object) -> dict[str, str]:
    """Its data, decoded."""
    return {name: base64.b64decode(value).decode() for name, value in (secret.get("data") or {}).items()}


async def test_a_token_is_filled_in(cluster: Cluster) -> None:
    account = await cluster.one(SERVICE_ACCOUNT, "default", lambda _: True)
    await cluster.create(SECRET, token("t"))
    secret = await cluster.one(SECRET, "t", lambda found: "token" in (found.get("data") or {}))
    uid = account["metadata"]["uid"]
    assert secret["metadata"]["annotations"]["kubernetes.io/service-account.uid"] == uid
    data = plain(secret)
    assert (data["ca.crt"], data["namespace"]) == ("PEM", NS)
    assert orjson.loads(data["token"]) == {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": NS,
        "kubernetes.io/serviceaccount/secret.name": "t",
        "kubernetes.io/serviceaccount/service-account.name": "default",
        "kubernetes.io/serviceaccount/service-account.uid": uid,
        "sub": f"system:serviceaccount:{NS}:default",
    }
    await cluster.patch(SECRET, "t", {"data": {"ca.crt": "eA=="}})
    await cluster.one(SECRET, "t", lambda found: plain(found)["ca.crt"] == "PEM")


async def test_a_token_goes_with_its_account(cluster: Cluster) -> None:
    account = await cluster.create(SERVICE_ACCOUNT, {"metadata": {"name": "robot"}})
    await cluster.create(SECRET, token("t", "robot"))
    await cluster.create(SECRET, token("kept"))
    await cluster.one(SECRET, "t", lambda found: bool(found.get("data")))
    await cluster.client.delete(SERVICE_ACCOUNT, "robot", NS)
    await cluster.gone(SECRET, "t")
    await cluster.create(SECRET, token("nobodys", "unknown"))
    await cluster.gone(SECRET, "nobodys")
    notes = {SERVICE_ACCOUNT_NAME: "default", "kubernetes.io/service-account.uid": account["metadata"]["uid"]}
    await cluster.create(
        SECRET, token("of another", annotations=notes) | {"metadata": {"name": "o", "annotations": notes}}
    )
    await cluster.gone(SECRET, "o")
    await cluster.one(SECRET, "kept", lambda _: True)


async def test_an_account_forgets_a_token_that_is_gone(cluster: Cluster) -> None:
    await cluster.create(SECRET, token("t"))
    await cluster.one(SECRET, "t", lambda found: bool(found.get("data")))
    await cluster.patch(SERVICE_ACCOUNT, "default", {"secrets": [{"name": "t"}, {"name": "other"}]})
    await cluster.client.delete(SECRET, "t", NS)
    await cluster.one(SERVICE_ACCOUNT, "default", lambda found: found.get("secrets") == [{"name": "other"}])


def days(number: int) -> str:
    """So many days before now."""
    return f"{NOW - timedelta(days=number):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("created", "labels", "generated", "mounted", "expected"),
    [
        (400, {}, True, False, Fate.INVALID),
        (364, {}, True, False, Fate.KEPT),
        (400, {LAST_USED: days(366)}, True, False, Fate.INVALID),
        (400, {LAST_USED: days(365)}, True, False, Fate.KEPT),
        (400, {LAST_USED: "yesterday"}, True, False, Fate.KEPT),
        (400, {}, False, False, Fate.KEPT),
        (400, {}, True, True, Fate.KEPT),
        (800, {INVALID_SINCE: days(366)}, True, False, Fate.DELETED),
        (800, {INVALID_SINCE: days(365)}, True, False, Fate.KEPT),
        (800, {INVALID_SINCE: "x"}, True, False, Fate.INVALID),
        (800, {INVALID_SINCE: days(366), LAST_USED: days(3)}, True, False, Fate.KEPT),
    ],
)
def test_the_fate_of_legacy_tokens(
    created: int, labels: dict[str, str], generated: bool, mounted: bool, expected: Fate
) -> None:
    meta = {"name": "t", "creationTimestamp": format_time(NOW - timedelta(days=created)), "labels": labels}
    account = {"metadata": {"name": "a"}, "secrets": [{"name": "t" if generated else "u"}]}
    secret = {"metadata": meta}
    assert fate(secret, account, mounted, NOW - timedelta(days=365)) is expected
    assert fate(secret, None, mounted, NOW - timedelta(days=365)) is Fate.KEPT
    dying = {"metadata": meta | {"deletionTimestamp": format_time(NOW)}}
    assert fate(dying, account, mounted, NOW - timedelta(days=365)) is Fate.KEPT


@pytest.fixture
async def patient() -> AsyncIterator[Cluster]:
    """A control plane where hardly anything happens at intervals, so that days pass quickly."""
    needed = (SERVICE_ACCOUNTS.name, TOKENS.name, CLEANER.name)
    async with control_plane(
        Config(sign_token=lambda claims: "token", controllers=needed, legacy_token_clean_up_period=0)
    ) as running:
        yield running


async def test_unused_tokens_go_within_two_periods(patient: Cluster) -> None:
    cluster = patient
    for name in ("unused", "mounted"):
        await cluster.create(SECRET, token(name))
    await cluster.patch(SERVICE_ACCOUNT, "default", {"secrets": [{"name": "unused"}, {"name": "mounted"}]})
    volume = {"name": "v", "secret": {"secretName": "mounted"}}
    container = {"name": "c", "image": "busybox"}
    await cluster.create(POD, {"metadata": {"name": "p"}, "spec": {"containers": [container], "volumes": [volume]}})
    tracking = await cluster.one(CONFIG_MAP, TRACKING, lambda _: True, SYSTEM)
    assert tracking["data"]["since"] == f"{cluster.clock.now():%Y-%m-%d}"
    await cluster.clock.advance(timedelta(days=1).total_seconds())
    marked = await cluster.one(SECRET, "unused", lambda found: INVALID_SINCE in labels_of(found))
    assert labels_of(marked)[INVALID_SINCE] <= f"{cluster.clock.now():%Y-%m-%d}"
    await cluster.clock.advance(timedelta(days=1).total_seconds())
    await cluster.gone(SECRET, "unused")
    await cluster.one(SECRET, "mounted", lambda found: INVALID_SINCE not in labels_of(found))


def bootstrap(id_: str, **data: str) -> Object:
    """A bootstrap token."""
    entries = {"token-id": id_, "token-secret": "0123456789abcdef", "usage-bootstrap-signing": "true", **data}
    meta = {"name": f"bootstrap-token-{id_}", "namespace": SYSTEM}
    return {"metadata": meta, "type": bootstrap_token.TYPE, "stringData": entries}


def stored(secret: Object) -> Object:
    """As it is kept."""
    data = {name: base64.b64encode(text.encode()).decode() for name, text in secret["stringData"].items()}
    return {**secret, "data": data}


async def test_expired_bootstrap_tokens_go(cluster: Cluster) -> None:
    later = format_time(cluster.clock.now() + timedelta(hours=1))
    for id_, data in (("aaaaaa", {"expiration": later}), ("bbbbbb", {"expiration": "soon"}), ("cccccc", {})):
        await cluster.create(SECRET, bootstrap(id_, **data))
    await cluster.gone(SECRET, "bootstrap-token-bbbbbb", SYSTEM)
    await cluster.one(SECRET, "bootstrap-token-aaaaaa", lambda _: True, SYSTEM)
    await cluster.clock.advance(3601)
    await cluster.gone(SECRET, "bootstrap-token-aaaaaa", SYSTEM)
    await cluster.one(SECRET, "bootstrap-token-cccccc", lambda _: True, SYSTEM)


async def test_cluster_info_is_signed(cluster: Cluster) -> None:
    info = {"metadata": {"name": "cluster-info", "namespace": PUBLIC}, "data": {"kubeconfig": "content", "other": "x"}}
    await cluster.create(CONFIG_MAP, info)
    await cluster.create(SECRET, bootstrap("aaaaaa"))
    await cluster.create(SECRET, bootstrap("bbbbbb", **{"usage-bootstrap-signing": "false"}))
    found = await cluster.one(CONFIG_MAP, "cluster-info", lambda one: "jws-kubeconfig-aaaaaa" in one["data"], PUBLIC)
    assert found["data"] == {
        "kubeconfig": "content",
        "other": "x",
        "jws-kubeconfig-aaaaaa": signature("content", "aaaaaa", "0123456789abcdef"),
    }
    await cluster.client.patch(CONFIG_MAP, "cluster-info", {"data": {"kubeconfig": "changed"}}, PUBLIC)
    expected = signature("changed", "aaaaaa", "0123456789abcdef")
    await cluster.one(CONFIG_MAP, "cluster-info", lambda one: one["data"]["jws-kubeconfig-aaaaaa"] == expected, PUBLIC)
    await cluster.client.delete(SECRET, "bootstrap-token-aaaaaa", SYSTEM)
    await cluster.one(CONFIG_MAP, "cluster-info", lambda one: "jws-kubeconfig-aaaaaa" not in one["data"], PUBLIC)
    assert cluster.identities.refused == []


def test_the_form_of_a_signature() -> None:
    header, content, mac = signature("content", "07401b", "f395accd246ae52d").split(".")
    assert (header, content) == ("eyJhbGciOiJIUzI1NiIsImtpZCI6IjA3NDAxYiJ9", "")  # as in the documentation
    whole = f"{header}.{base64.urlsafe_b64encode(b'content').decode().rstrip('=')}".encode()
    expected = hmac.new(b"f395accd246ae52d", whole, hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(mac + "=") == expected
    assert signed({"kubeconfig": "a", "jws-kubeconfig-x": "old"}, {}) == {"kubeconfig": "a"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("aaaaaa", "0123456789abcdef")),
        ({"token-id": "bbbbbb"}, None),
        ({"token-secret": ""}, None),
        ({"usage-bootstrap-signing": "yes"}, None),
        ({"expiration": "2026-06-15T12:00:00Z"}, None),
        ({"expiration": "2026-06-15T14:00:01+02:00"}, ("aaaaaa", "0123456789abcdef")),
        ({"expiration": "2026-06-16"}, None),
    ],
)
def test_which_tokens_sign(change: dict[str, str], expected: Any) -> None:
    assert bootstrap_token.signing_key(stored(bootstrap("aaaaaa", **change)), NOW) == expected
