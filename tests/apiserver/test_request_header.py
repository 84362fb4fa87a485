"""Users that a front proxy in front of this server names."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sampan.apiserver.authentication.request_header import FrontProxies
from sampan.apiserver.authentication.x509 import CertificateAuthenticator
from sampan.transport.connection import HTTPClient
from sampan.transport.messages import Request
from sampan.transport.tls import client_context
from tests.apiserver.aggregation.backend import front_proxies
from tests.apiserver.harness import API, running
from tests.apiserver.pki import Pair, authority
from tests.clients.rig import secure

SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
SAID = {
    "x-remote-user": "jane",
    "x-remote-uid": "42",
    "x-remote-group": "team",
    "x-remote-extra-example.com%2fscopes": "all",
}


def der(pair: Pair) -> bytes:
    return x509.load_pem_x509_certificate(pair.certificate).public_bytes(Encoding.DER)


async def who(api: API, pair: Pair, headers: dict[str, str]) -> Any:
    """Whom the server takes the bearer of a certificate for."""
    sent = {"content-type": "application/json", **headers}
    body = b'{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}'
    reply = await api.raw(Request("POST", SELF, "", sent, body, der(pair), raw_path=SELF))
    return reply.status, reply.body


async def test_a_front_proxy_is_believed() -> None:
    async with running(client_ca=authority().certificate, requestheader_ca=front_proxies().certificate) as api:
        status, body = await who(api, front_proxies().issue("front-proxy-client"), SAID)
        assert status == 201
        for part in (b'"username":"jane"', b'"uid":"42"', b'"team"', b'"example.com/scopes":["all"]'):
            assert part in body


async def test_nobody_else_is() -> None:
    async with running(client_ca=authority().certificate, requestheader_ca=front_proxies().certificate) as api:
        _, body = await who(api, authority().issue("front-proxy-client"), SAID)
        assert b'"username":"front-proxy-client"' in body
        unknown = await who(api, front_proxies().issue("somebody"), SAID)
        assert unknown[0] == 401
        silent = await who(api, front_proxies().issue("front-proxy-client", ("system:masters",)), {})
        assert silent[0] == 401


def test_no_names_are_all_names() -> None:
    proxies = FrontProxies(front_proxies().certificate, ())
    certificates = CertificateAuthenticator(authority().certificate, proxies)
    pair = (der(front_proxies().issue("anything")),)
    identity = certificates.identify(pair, datetime.now(UTC))
    assert (identity.is_front_proxy, identity.user) == (True, None)
    assert not certificates.identify(pair, datetime.now(UTC) + timedelta(days=1)).is_front_proxy


async def test_the_port_takes_certificates_of_both_authorities() -> None:
    async with secure(requestheader_ca=front_proxies().certificate) as api:
        proxy = front_proxies().issue("front-proxy-client")
        context = client_context(authority().certificate, proxy.certificate, proxy.key)
        client = HTTPClient(f"https://127.0.0.1:{api.server.port}", context, {"x-remote-user": "jane"})
        answer = await client.request("GET", "/api/v1/nodes")
        await client.close()
        assert b'User \\"jane\\" cannot list' in answer.body


async def test_other_servers_learn_whom_to_believe() -> None:
    async with running(client_ca=authority().certificate, requestheader_ca=front_proxies().certificate) as api:
        found = await api.get("/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")
        role = await api.get(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles/extension-apiserver-authentication-reader"
        )
    assert found["data"] == {
        "client-ca-file": authority().certificate.decode(),
        "requestheader-client-ca-file": front_proxies().certificate.decode(),
        "requestheader-allowed-names": '["front-proxy-client"]',
        "requestheader-username-headers": '["X-Remote-User"]',
        "requestheader-uid-headers": '["X-Remote-Uid"]',
        "requestheader-group-headers": '["X-Remote-Group"]',
        "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    }
    assert role["rules"][0]["resourceNames"] == ["extension-apiserver-authentication"]
