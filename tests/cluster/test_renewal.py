"""Certificates over the years: renewed in time, while the server runs and its clients stay connected.

The clock begins in the past and comes to the present, so that at last OpenSSL, which has a clock of its own, agrees.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from cryptography import x509

from sampan.client.kubeconfig import Access, load
from sampan.cluster import renewal
from sampan.cluster.components import Cluster, control_plane
from sampan.cluster.config import ClusterConfig
from sampan.cluster.lifecycle import write_kubeconfig
from sampan.cluster.pki import AUTHORITIES, PKI
from sampan.cluster.settle import Wishes, settle
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.testing.clock import VirtualClock
from sampan.transport.connection import HTTPClient
from sampan.transport.tls import client_context
from sampan.transport.unverified import NO_CHECK_TIME

DAY, YEAR = timedelta(days=1), timedelta(days=365)
LEAVES = ("admin", "apiserver", "apiserver-kubelet-client", "front-proxy-client", "kubelet")


def certificate(pki: PKI, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.read(f"{name}.crt"))


class Hands:
    """The wall time of a PKI that nothing else runs with."""

    def __init__(self, now: datetime) -> None:
        self.now = now


def keys_by(hands: Hands, directory: Path) -> PKI:
    hosts = ["127.0.0.1", "localhost"]
    return PKI(directory=directory, server_hosts=hosts, node_name="n", node_hosts=["n"], now=lambda: hands.now)


def test_at_every_moment_of_three_years_every_certificate_is_good(tmp_path: Path) -> None:
    hands = Hands(datetime.now(UTC) - 3 * YEAR)
    pki = keys_by(hands, tmp_path)
    pki.ensure()
    tokens, authority, changes = pki.read("sa.key"), pki.read("ca.crt"), list[str]()
    while (due := pki.next_renewal()) < datetime.now(UTC):
        hands.now = due + timedelta(seconds=1)
        for name in (*LEAVES, *AUTHORITIES):
            found = certificate(pki, name)
            assert found.not_valid_before_utc < hands.now < found.not_valid_after_utc
        changes += pki.ensure()
    assert sorted(changes) == sorted(LEAVES * 3)
    assert (pki.read("sa.key"), pki.read("ca.crt")) == (tokens, authority)


def test_an_authority_is_renewed_before_it_ends_and_keeps_its_key(tmp_path: Path) -> None:
    hands = Hands(datetime.now(UTC) - 12 * YEAR)
    pki = keys_by(hands, tmp_path)
    pki.ensure()
    key, first = pki.read("ca.key"), certificate(pki, "ca")
    while hands.now < datetime.now(UTC):
        before = certificate(pki, "ca")
        if "ca" in pki.ensure():
            assert before.not_valid_after_utc - hands.now > YEAR  # so that nothing that it signs outlives it
            certificate(pki, "apiserver").verify_directly_issued_by(certificate(pki, "ca"))
        hands.now += 30 * DAY
    last = certificate(pki, "ca")
    assert pki.read("ca.key") == key
    assert (last.subject, last.public_key()) == (first.subject, first.public_key())
    assert first.not_valid_after_utc < datetime.now(UTC) < last.not_valid_after_utc
    certificate(pki, "admin").verify_directly_issued_by(first)  # who has only the first still knows what is ours


def test_an_authority_of_others_is_theirs_to_renew(tmp_path: Path) -> None:
    hands = Hands(datetime.now(UTC) - 9 * YEAR)
    pki = keys_by(hands, tmp_path)
    pki.ensure()
    root = keys_by(hands, tmp_path / "root")
    root.ensure()
    signed = _cross_signed(pki, root)
    (tmp_path / "ca.crt").write_bytes(signed)
    hands.now = datetime.now(UTC)
    pki.ensure()
    assert pki.read("ca.crt") == signed
    hands.now += 2 * YEAR
    with pytest.raises(Exception, match=rf"(?s){tmp_path}/ca.crt ended at .*rm -rf {tmp_path}/ca.crt"):
        pki.ensure()


def _cross_signed(pki: PKI, root: PKI) -> bytes:
    from cryptography.hazmat.primitives import hashes, serialization

    ours, key = certificate(pki, "ca"), serialization.load_pem_private_key(root.read("ca.key"), None)
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "theirs")]),
        subject_name=ours.subject,
        public_key=ours.public_key(),
        serial_number=7,
        not_valid_before=ours.not_valid_before_utc,
        not_valid_after=ours.not_valid_after_utc,
        extensions=list(ours.extensions),
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]


# A server


@pytest.fixture
async def running(homes: Path) -> AsyncIterator[Callable[[timedelta], Awaitable[tuple[Cluster, VirtualClock]]]]:
    """Starts a control plane so long ago, with what renews its certificates."""
    async with asyncio.TaskGroup() as group:
        ended, begun, made = asyncio.Event(), asyncio.Event(), list[tuple[Cluster, VirtualClock]]()

        async def live(ago: timedelta) -> None:
            clock = VirtualClock(datetime.now(UTC) - ago)
            wishes = Wishes("a", control_plane_only=True, listen="127.0.0.1", kubeconfig=str(homes / "kubeconfig"))
            async with control_plane(settle(wishes), clock, lambda step: None) as cluster:
                renewing = group.create_task(renewal.keep_renewed(cluster))
                made.append((cluster, clock))
                write_kubeconfig(cluster.config)
                begun.set()
                await ended.wait()
                renewing.cancel()

        async def start(ago: timedelta) -> tuple[Cluster, VirtualClock]:
            group.create_task(live(ago))
            await begun.wait()
            return made[0]

        yield start
        ended.set()


def access(config: ClusterConfig) -> Access:
    return load([Path(config.kubeconfig)])


@asynccontextmanager
async def connected(cluster: Cluster, *, whenever: bool = True) -> AsyncIterator[HTTPClient]:
    """A client by the kubeconfig as it is now; `whenever`: whatever time OpenSSL thinks it is."""
    found = access(cluster.config)
    context = client_context(found.ca, found.certificate, found.key)
    if whenever:
        context.verify_flags |= NO_CHECK_TIME
    client = HTTPClient(f"https://127.0.0.1:{cluster.api.port}", context)
    try:
        yield client
    finally:
        await client.close()


async def shown(cluster: Cluster) -> x509.Certificate:
    """What the server shows now."""
    pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", cluster.api.port))
    return x509.load_pem_x509_certificate(pem.encode())


async def forward(cluster: Cluster, clock: VirtualClock, days: int) -> None:
    """Turn the hands; what is due then is done in a thread, so go on slowly until that has ended."""
    before = cluster.pki.next_renewal()
    await clock.advance(days * DAY.total_seconds())
    for _ in range(500):
        if clock.sleepers and cluster.pki.next_renewal() > clock.now():
            return
        await asyncio.sleep(0.01)
        await clock.advance(renewal.SHORTEST if clock.sleepers else 0)
    raise AssertionError(f"what was due at {before} has not been renewed at {clock.now()}")


Start = Callable[[timedelta], Awaitable[tuple[Cluster, VirtualClock]]]


async def test_a_server_runs_for_three_years(running: Start) -> None:
    cluster, clock = await running(3 * YEAR)
    serials = set()
    async with connected(cluster) as first:
        for _ in range(3 * 365 // 15):
            await forward(cluster, clock, 15)
            serving = await shown(cluster)
            serials.add(serving.serial_number)
            assert serving.not_valid_before_utc < clock.now() < serving.not_valid_after_utc
            async with connected(cluster) as client:
                assert (await client.request("GET", "/api/v1/namespaces")).status == 200
        assert len(serials) == 4
        # whose certificate ended two years ago is told so, on a connection from before
        assert (await first.request("GET", "/api/v1/namespaces")).status == 401
    # and it is today, so nobody needs to look away
    async with connected(cluster, whenever=False) as client:
        assert (await client.request("GET", "/api/v1/namespaces")).status == 200
    kept = orjson.loads((cluster.config.directory / "cluster.json").read_bytes())
    assert kept["kubeconfigs"] == [cluster.config.kubeconfig]


async def test_a_watch_from_before_goes_on_and_components_inside_never_notice(running: Start) -> None:
    cluster, clock = await running(YEAR)
    await forward(cluster, clock, 200)
    inside = cluster.api.local_client()
    path = "/api/v1/namespaces/default/configmaps?watch=1"
    async with connected(cluster) as client, client.stream("GET", path) as watch:
        before = (await shown(cluster)).serial_number
        await forward(cluster, clock, 150)
        assert (await shown(cluster)).serial_number != before
        one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": "default"}}
        await inside.create(CONFIG_MAP, one)
        assert b'"name":"one"' in await asyncio.wait_for(anext(watch.body), 10)


async def test_a_server_outlives_its_authority(running: Start) -> None:
    cluster, clock = await running(12 * YEAR)
    first = access(cluster.config).ca
    for _ in range(12 * 365 // 60):
        await forward(cluster, clock, 60)
    last = access(cluster.config).ca
    assert x509.load_pem_x509_certificate(first).not_valid_after_utc < datetime.now(UTC)
    assert first != last
    assert cluster.authority_renewed.is_set()  # by which the controllers begin anew, where they run
    async with connected(cluster, whenever=False) as client:
        assert (await client.request("GET", "/api/v1/namespaces")).status == 200
        path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
        kept = cluster.api._kept
        assert kept is not None
        await kept.restore()
        told = orjson.loads((await client.request("GET", path)).body)
        assert told["data"]["client-ca-file"] == last.decode()
