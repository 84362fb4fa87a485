"""Client certificates over real connections: a bad one is answered 401, not dropped."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sampan.apiserver.authentication.request_header import FrontProxies
from sampan.apiserver.authentication.x509 import CertificateAuthenticator, Chain
from sampan.transport import tls, unverified
from sampan.transport.connection import HTTPClient
from sampan.transport.tls import client_context
from tests.apiserver.aggregation.backend import front_proxies
from tests.apiserver.harness import API, PODS
from tests.apiserver.pki import Authority, Pair, authority
from tests.clients.rig import secure

PAST = timedelta(minutes=-5)  # an hour before which, the certificates of tests begin
NOW = datetime.now(UTC)


@pytest.fixture
async def api() -> AsyncIterator[API]:
    async with secure() as api:
        yield api


async def get(api: API, pair: Pair | None, path: str = PODS, **headers: str) -> tuple[int, Any]:
    """A GET on a connection of its own."""
    material = (pair.certificate, pair.key) if pair else ()
    client = HTTPClient(f"https://127.0.0.1:{api.server.port}", client_context(authority().certificate, *material))
    answer = await client.request("GET", path, headers)
    await client.close()
    return answer.status, orjson.loads(answer.body)


async def test_a_good_one_is_a_user(api: API) -> None:
    status, body = await get(api, authority().issue("jane", ("team",)))
    assert (status, body["message"]) == (
        403,
        'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    )


@pytest.mark.parametrize(
    "pair",
    [
        authority().issue("jane", ("system:masters",), lifetime=PAST),
        authority().issue("jane", ("system:masters",), begin=timedelta(hours=1), lifetime=timedelta(hours=2)),
        Authority().issue("jane", ("system:masters",)),
        authority().issue("jane", ("system:masters",), server=True),
    ],
    ids=["expired", "not yet valid", "foreign", "of a server"],
)
async def test_a_bad_one_is_answered(api: API, pair: Pair) -> None:
    status, body = await get(api, pair)
    assert (status, body["kind"], body["reason"], body["message"]) == (401, "Status", "Unauthorized", "Unauthorized")
    assert (await get(api, pair, "/version"))[0] == 401
    assert (await get(api, None, "/version"))[0] == 200


async def test_how_long_they_last_is_told(api: API) -> None:
    name = "apiserver_client_certificate_expiration_seconds"
    for pair in (authority().issue("jane"), authority().issue("jane", lifetime=PAST)):
        await get(api, pair)
        await get(api, pair)
    samples = await api.samples(name)
    assert [samples[f'{name}_bucket{{le="{bound}"}}'] for bound in ("0.0", "1800.0", "3600.0", "+Inf")] == [2, 2, 4, 4]


async def test_a_token_beside_a_bad_one_counts(api: API) -> None:
    expired = authority().issue("jane", lifetime=PAST)
    assert (await get(api, expired, authorization="Bearer admin"))[0] == 200
    assert (await get(api, expired, authorization="Bearer nobody"))[0] == 401


async def test_curl_with_an_expired_one(api: API, tmp_path: Path) -> None:
    pair = authority().issue("jane", lifetime=PAST)
    for name, pem in (("crt", pair.certificate), ("key", pair.key), ("ca", authority().certificate)):
        (tmp_path / name).write_bytes(pem)
    files = ["--cacert", tmp_path / "ca", "--cert", tmp_path / "crt", "--key", tmp_path / "key"]
    for version in ("--tls-max", "1.2"), ("--tlsv1.3",):
        words = ["curl", "-sS", *files, *version, "-w", "%{http_code}", f"https://127.0.0.1:{api.server.port}{PODS}"]
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert out.endswith(b"401")
        assert b'"reason": "Unauthorized"' in out


async def test_a_certificate_that_expires_ends_with_its_connection_open(api: API) -> None:
    pair = authority().issue("jane")
    context = client_context(authority().certificate, pair.certificate, pair.key)
    client = HTTPClient(f"https://127.0.0.1:{api.server.port}", context)
    assert (await client.request("GET", PODS)).status == 403
    api.server.services.now = lambda: datetime.now(UTC) + timedelta(days=1)
    assert (await client.request("GET", PODS)).status == 401
    await client.close()


async def test_where_the_library_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unverified, "_library", lambda: None)
    async with secure() as api:
        assert (await get(api, authority().issue("jane")))[0] == 403
        assert (await get(api, authority().issue("jane", lifetime=PAST)))[0] == 401
        with pytest.raises(OSError):
            await get(api, Authority().issue("jane"))


def test_the_switch_is_found_here() -> None:
    """On the interpreters that are tested on, the fallback is not what runs."""
    pair = authority().issue("kube-apiserver", server=True)
    assert unverified.take_any(tls.server_context(pair.certificate, pair.key, authority().certificate))


def chain(pair: Pair) -> Chain:
    return (x509.load_pem_x509_certificate(pair.certificate).public_bytes(Encoding.DER),)


def test_whom_a_certificate_names() -> None:
    certificates = CertificateAuthenticator(authority().certificate)
    user = certificates.identify(chain(authority().issue("jane", ("a", "b"))), NOW).user
    assert user is not None
    assert (user.name, user.groups) == ("jane", ("a", "b", "system:authenticated"))
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")
    nobody = certificates.identify(chain(authority().issue("", ("a",))), NOW)
    assert (nobody.user, nobody.errors) == (None, ())
    assert certificates.identify((b"no certificate",), NOW).errors[0].startswith("x509: malformed certificate")


def test_a_uid_in_the_subject() -> None:
    certificates = CertificateAuthenticator(authority().certificate)
    user = certificates.identify(chain(authority().issue("jane", uids=("42",))), NOW).user
    assert user is not None
    assert user.uid == "42"
    two = certificates.identify(chain(authority().issue("jane", uids=("42", "43"))), NOW)
    assert (two.user, two.errors) == (None, ("expected 1 UID, but found multiple: [42 43]",))
    empty = certificates.identify(chain(authority().issue("jane", uids=(" ",))), NOW)
    assert empty.user is not None


def test_what_is_remembered_ends_in_time() -> None:
    certificates = CertificateAuthenticator(authority().certificate)
    pair = chain(authority().issue("jane", begin=timedelta(hours=1), lifetime=timedelta(hours=2)))
    for hours, known in ((0, False), (1.5, True), (1.6, True), (3, False), (3.1, False)):
        identity = certificates.identify(pair, NOW + timedelta(hours=hours))
        assert (identity.user is not None) == known
        assert bool(identity.errors) != known


def test_one_authority_for_both() -> None:
    """A front proxy whose certificate clients' authority has signed is a user, too."""
    proxies = FrontProxies(authority().certificate, ("proxy",))
    certificates = CertificateAuthenticator(authority().certificate, proxies)
    identity = certificates.identify(chain(authority().issue("proxy")), NOW)
    assert (identity.is_front_proxy, identity.user is not None) == (True, True)
    other = certificates.identify(chain(authority().issue("jane")), NOW)
    assert (other.is_front_proxy, other.user is not None) == (False, True)
    assert other.errors == ("x509: subject with cn=jane is not in the allowed list",)
    foreign = CertificateAuthenticator(authority().certificate, FrontProxies(front_proxies().certificate))
    assert len(foreign.identify(chain(Authority().issue("jane")), NOW).errors) == 2
