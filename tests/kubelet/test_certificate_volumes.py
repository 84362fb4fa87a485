"""What clusterTrustBundle and podCertificate bring into a volume, and how pods come to their certificates."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.cluster.certificates import private_pem
from sampan.kinds.certificates import pem, pkcs10
from sampan.kinds.certificates.cluster_trust_bundle import KIND as BUNDLE
from sampan.kinds.certificates.pod_certificate_request import KIND as REQUEST
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kubelet import pod_keys
from sampan.kubelet.pod_certificate_state import Asked, Credentials, Projection, cleaned
from sampan.kubelet.pod_certificates import PodCertificates
from sampan.kubelet.volumes.content import Anchors, Sources, VolumeError, files, wanted
from sampan.kubelet.volumes.trust_anchors import TrustAnchors, normalized
from sampan.machinery.meta import Object, format_time, key_of
from sampan.storage.memory import MemoryStore
from sampan.testing.clock import EPOCH, VirtualClock, settle
from tests.kubelet.pods import pod, spec_of
from tests.pkcs10 import certificate

SIGNER = "example.com/s"
SOURCE = {"signerName": SIGNER, "keyType": "ECDSAP256", "credentialBundlePath": "all"}
CA, OTHER = certificate("ca").decode(), certificate("other").decode()


# Content


def projected(**sources: Any) -> Object:
    return {"name": "v", "projected": {"sources": [{name: source} for name, source in sources.items()]}}


def test_authorities_and_credentials_are_files() -> None:
    volume = projected(
        clusterTrustBundle={"name": "b", "path": "ca.pem"},
        podCertificate={**SOURCE, "keyPath": "key", "certificateChainPath": "chain"},
    )
    wish = wanted(volume)
    assert wish.anchors == {Anchors("b", "", None, False)}
    assert list(wish.certificates) == [1]
    sources = Sources(anchors={Anchors("b", "", None, False): b"CA"}, certificates={1: Credentials(b"K", b"C")})
    found = {path: (file.data, file.mode) for path, file in files(volume, pod(), sources).items()}
    assert found == {"ca.pem": (b"CA", 0o644), "all": (b"KC", 0o644), "key": (b"K", 0o644), "chain": (b"C", 0o644)}


@pytest.mark.parametrize(
    ("spec", "mode", "owner"),
    [
        ({}, 0o644, -1),
        ({"securityContext": {"fsGroup": 7}}, 0o600, -1),
        ({"securityContext": {"runAsUser": 7}}, 0o600, 7),
        ({"initContainers": [spec_of("i", securityContext={"runAsUser": 7})]}, 0o644, -1),
        (
            {
                "initContainers": [spec_of("i", securityContext={"runAsUser": 8})],
                "securityContext": {"runAsUser": 7},
            },
            0o644,
            -1,
        ),
    ],
)
def test_what_is_secret_is_for_the_pods_user_or_group(spec: Any, mode: int, owner: int) -> None:
    volume = projected(podCertificate=SOURCE)
    found = files(volume, pod(**spec), Sources(certificates={0: Credentials(b"K", b"C")}))["all"]
    assert (found.mode, found.owner) == (mode, owner)


@pytest.mark.parametrize(("selector", "labels"), [(None, None), ({}, ""), ({"matchLabels": {"a": "b"}}, "a=b")])
def test_no_selector_is_not_an_empty_one(selector: Any, labels: str | None) -> None:
    source = {"signerName": SIGNER, "path": "p"} | ({} if selector is None else {"labelSelector": selector})
    assert wanted(projected(clusterTrustBundle=source)).anchors == {Anchors("", SIGNER, labels, False)}


@given(st.lists(st.lists(st.binary(min_size=1, max_size=9), max_size=5), max_size=4))
def test_each_authority_is_there_once(bundles: list[list[bytes]]) -> None:
    texts = ["# note\n".join(pem.encode("CERTIFICATE", one).decode() for one in bundle) for bundle in bundles]
    found = [block.data for block in pem.blocks(normalized(texts))]
    assert sorted(found) == sorted({one for bundle in bundles for one in bundle})
    assert normalized(reversed(texts)) == normalized(texts)


@pytest.mark.parametrize("key_type", ["RSA3072", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"])
def test_a_key_comes_with_its_proof(key_type: str) -> None:
    proven = pod_keys.make(key_type)
    stub = pkcs10.parse_der(proven.stub)
    assert pkcs10.signature_error(stub) == ""
    assert (stub.common_name, stub.organizations, stub.names) == ("", (), ())
    assert load_pem_private_key(proven.key, None).public_key() == stub.public_key


def test_a_chain_is_certificates_and_nothing_else() -> None:
    assert cleaned(f"# mine\n{CA}\nand\n{OTHER}") == (CA + OTHER).encode()


# The life of a projection

NO_JITTER = timedelta(0)
HOUR = timedelta(hours=1)


def answered(type_: str, hours: int = 24) -> Object:
    condition = {"type": type_, "status": "True", "reason": "R", "message": "M"}
    times = {"beginRefreshAt": format_time(EPOCH + hours * HOUR / 2), "notAfter": format_time(EPOCH + hours * HOUR)}
    return {
        "metadata": {"namespace": "default", "name": "req-1"},
        "status": {"conditions": [condition], "certificateChain": CA, **times},
    }


def asked() -> Projection:
    return Projection(asked=Asked("req-1", b"KEY", EPOCH))


def test_a_certificate_is_renewed_in_time() -> None:
    projection = Projection()
    assert projection.must_ask(EPOCH)
    projection.asked = Asked("req-1", b"KEY", EPOCH)
    assert not projection.must_ask(EPOCH)
    assert projection.hear(answered("Issued"), EPOCH, timedelta(minutes=4)) is None
    assert projection.issued is not None
    assert projection.issued.credentials == Credentials(b"KEY", CA.encode())
    assert not projection.must_ask(EPOCH + 12 * HOUR)
    assert projection.must_ask(EPOCH + 12 * HOUR + timedelta(minutes=4))


@pytest.mark.parametrize(
    ("type_", "word", "short"), [("Denied", "was denied", "denied"), ("Failed", "failed", "failed")]
)
def test_a_refusal_is_for_good(type_: str, word: str, short: str) -> None:
    projection = asked()
    told = projection.hear(answered(type_), EPOCH, NO_JITTER)
    assert told == (type_, f'PodCertificateRequest default/req-1 {word}, reason="R", message="M"')
    assert projection.refusal == f'PodCertificateRequest was permanently {short}: reason="R" message="M"'
    assert not projection.must_ask(EPOCH + 1000 * HOUR)


def test_a_request_that_is_gone_is_made_again() -> None:
    projection = asked()
    projection.hear(None, EPOCH + timedelta(minutes=10), NO_JITTER)
    assert projection.asked is not None  # it may not have been heard of yet
    projection.hear(None, EPOCH + timedelta(minutes=11), NO_JITTER)
    assert projection.must_ask(EPOCH)


def test_a_pending_request_is_waited_for() -> None:
    projection = asked()
    projection.hear({"metadata": {}, "status": {}}, EPOCH + 10 * HOUR, NO_JITTER)
    assert projection.asked is not None


def test_an_old_certificate_is_told_of_once() -> None:
    projection = asked()
    projection.hear(answered("Issued"), EPOCH, NO_JITTER)
    assert projection.overdue(EPOCH + 12 * HOUR) is None
    late = projection.overdue(EPOCH + 13 * HOUR)
    assert late is not None and late.reason == "CertificateOverdueForRefresh"
    assert projection.overdue(EPOCH + 14 * HOUR) is None
    dead = projection.overdue(EPOCH + 25 * HOUR)
    assert dead is not None and dead.reason == "CertificateExpired"
    assert projection.overdue(EPOCH + 25 * HOUR) is None


# Through an API server


class Node:
    """A node with a pod, and a signer that answers when it is told to."""

    def __init__(self, client: Client, clock: VirtualClock, informers: Informers) -> None:
        self.client, self.clock = client, clock
        self.told: list[str] = []
        self.requests = informers.of(REQUEST, fields="spec.nodeName=n")
        self.certificates = PodCertificates(client, "n", self.requests, self._tell, clock)
        self.anchors = TrustAnchors(client)

    def _tell(self, pod: Object, type_: str, reason: str, message: str) -> None:
        self.told.append(f"{type_} {reason}")

    async def create(self, kind: Any, name: str, spec: Any = None, **meta: Any) -> Object:
        where = {"namespace": "default"} if kind.namespaced else {}
        body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name, **where, **meta}}
        return await self.client.create(kind, body | ({"spec": spec} if spec else {}))

    async def asked(self, but: frozenset[str] = frozenset()) -> Object:
        """The next request."""
        while True:
            for one in self.requests.items():
                if one["metadata"]["name"] not in but:
                    return one
            await settle()

    async def answer(self, request: Object, type_: str = "Issued") -> None:
        now = self.clock.now()
        status: Object = {
            "conditions": [{"type": type_, "status": "True", "reason": "R", "lastTransitionTime": format_time(now)}]
        }
        if type_ == "Issued":
            status |= {"certificateChain": self._chain(request)}
            for name, hours in (("notBefore", 0), ("beginRefreshAt", 12), ("notAfter", 24)):
                status[name] = format_time(now + hours * HOUR)
        key = key_of(request)
        await self.client.patch(REQUEST, key.name, {"status": status}, key.namespace, subresource="status")

    def _chain(self, request: Object) -> str:
        stub = pkcs10.parse_der(base64.b64decode(request["spec"]["stubPKCS10Request"]))
        name, begin = x509.Name([]), self.clock.now().replace(microsecond=0)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(stub.public_key)
        builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin + 24 * HOUR)
        return (
            builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        )


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    clock = VirtualClock()
    key = private_pem(ec.generate_private_key(ec.SECP256R1()))
    server = APIServer(APIServerConfig(store=MemoryStore(), service_account_key=key, now=clock.now))
    await server.start()
    client = server.local_client()
    informers = Informers(client, sleep=clock.sleep)
    made = Node(client, clock, informers)
    await made.create(SERVICE_ACCOUNT, "default")
    await made.create(NODE, "n")

    async def follow() -> None:
        async with asyncio.TaskGroup() as group:
            informers.run(group)

    following = asyncio.create_task(follow())
    yield made
    following.cancel()
    await asyncio.wait([following])
    await server.stop(0)


@pytest.fixture
async def web(node: Node) -> Object:
    volumes = [{"name": "v", "projected": {"sources": [{"podCertificate": SOURCE}]}}]
    spec = {"containers": [spec_of("main")], "nodeName": "n", "volumes": volumes}
    return await node.create(POD, "web", spec | {"automountServiceAccountToken": False})


async def test_a_pod_is_asked_for_and_waits(node: Node, web: Object) -> None:
    source = {**SOURCE, "maxExpirationSeconds": 90000, "userAnnotations": {"a.com/k": "v"}}
    getting = asyncio.create_task(node.certificates.get(web, "v", 0, source))
    request = await node.asked()
    spec, account = request["spec"], await node.client.get(SERVICE_ACCOUNT, "default", "default")
    assert (spec["podName"], spec["podUID"]) == ("web", web["metadata"]["uid"])
    assert (spec["serviceAccountName"], spec["serviceAccountUID"]) == ("default", account["metadata"]["uid"])
    assert (spec["maxExpirationSeconds"], spec["unverifiedUserAnnotations"]) == (90000, {"a.com/k": "v"})
    assert request["metadata"]["ownerReferences"][0]["name"] == "web"
    assert not getting.done()
    await node.answer(request)
    credentials = await getting
    key = load_pem_private_key(credentials.key, None)
    assert key.public_key() == pkcs10.parse_der(base64.b64decode(spec["stubPKCS10Request"])).public_key
    assert await node.certificates.get(web, "v", 0, source) == credentials  # without asking again
    assert len(node.requests.items()) == 1


async def test_a_signer_may_take_its_time(node: Node, web: Object) -> None:
    getting = asyncio.create_task(node.certificates.get(web, "v", 0, SOURCE))
    request = await node.asked()
    await node.clock.advance(11)
    with pytest.raises(VolumeError, match="credential bundle is not issued yet"):
        await getting
    await node.answer(request)
    assert await node.certificates.get(web, "v", 0, SOURCE)


async def test_a_certificate_is_renewed_while_the_old_one_serves(node: Node, web: Object) -> None:
    getting = asyncio.create_task(node.certificates.get(web, "v", 0, SOURCE))
    first = await node.asked()
    await node.answer(first)
    old = await getting
    await node.clock.advance(12 * 3600 + 301)
    assert await node.certificates.get(web, "v", 0, SOURCE) == old
    second = await node.asked(frozenset({first["metadata"]["name"]}))
    assert await node.certificates.get(web, "v", 0, SOURCE) == old
    await node.answer(second)
    await settle()
    new = await node.certificates.get(web, "v", 0, SOURCE)
    assert new != old
    assert node.told == []


async def test_a_refused_pod_hears_why(node: Node, web: Object) -> None:
    getting = asyncio.create_task(node.certificates.get(web, "v", 0, SOURCE))
    await node.answer(await node.asked(), "Denied")
    with pytest.raises(VolumeError, match='permanently denied: reason="R"'):
        await getting
    assert node.told == ["Warning Denied"]
    node.certificates.forget(web["metadata"]["uid"])
    again = asyncio.create_task(node.certificates.get(web, "v", 0, SOURCE))
    await settle()
    again.cancel()
    await asyncio.wait([again])


@pytest.mark.parametrize(
    ("anchors", "found"),
    [
        (Anchors("b", "", None, False), CA),
        (Anchors("none", "", None, True), ""),
        (Anchors("", SIGNER, "a=b", False), OTHER),
        (Anchors("", SIGNER, "", False), CA + OTHER),
        (Anchors("", SIGNER, None, True), ""),
        (Anchors("", SIGNER, "a=c", True), ""),
        (Anchors("none", "", None, False), 'clustertrustbundle.certificates.k8s.io "none" not found'),
        (Anchors("", SIGNER, "a=c", False), "combination of signerName and labelSelector matched zero"),
        (Anchors("", SIGNER, None, False), "combination of signerName and labelSelector matched zero"),
    ],
)
async def test_which_authorities_are_read(node: Node, anchors: Anchors, found: str) -> None:
    await node.create(BUNDLE, "b", {"trustBundle": CA})
    await node.create(BUNDLE, "example.com:s:1", {"signerName": SIGNER, "trustBundle": CA})
    spec = {"signerName": SIGNER, "trustBundle": OTHER + CA if anchors.labels == "" else OTHER}
    await node.create(BUNDLE, "example.com:s:2", spec, labels={"a": "b"})
    if "BEGIN" in found or not found:
        text = await node.anchors.get(anchors)
        assert sorted(pem.blocks(text)) == sorted(pem.blocks(found.encode()))
    else:
        with pytest.raises(VolumeError, match=found):
            await node.anchors.get(anchors)
