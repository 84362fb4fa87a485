"""Requests for certificates are approved, signed and cleaned up; the API server's CA is published."""

import base64
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sampan.controllers.csr_cleaner import expires_at
from sampan.controllers.trust_bundle_publisher import bundle_name
from sampan.kinds.certificates.certificate_signing_request import KIND as REQUEST
from sampan.kinds.certificates.cluster_trust_bundle import KIND as BUNDLE
from sampan.kinds.certificates.pod_certificate_request import KIND as POD_REQUEST
from sampan.kinds.rbac.cluster_role_binding import KIND as BINDING
from sampan.machinery.meta import Object, format_time
from sampan.testing.clock import EPOCH
from tests.controllers.cluster import ROOT_CA, Cluster
from tests.pkcs10 import certificate, host, request, signed, text

CLIENT = ["digital signature", "key encipherment", "client auth"]
SERVING = ["digital signature", "key encipherment", "server auth"]
NODE = ("system:node:n1", ("system:nodes",))
APPROVED: Object = {"type": "Approved", "status": "True", "reason": "r"}


def csr(signer: str, asked: bytes, usages: list[str], **spec: Any) -> Object:
    body = {"request": text(asked), "signerName": f"kubernetes.io/{signer}", "usages": usages, **spec}
    return {"metadata": {"name": "joe"}, "spec": body}


async def ask(cluster: Cluster, body: Object, user: str = "joe", groups: Sequence[str] = ()) -> None:
    """As somebody who may ask, and no more."""
    await cluster.create(BINDING, bound("system:node-bootstrapper", user, f"asks:{body['metadata']['name']}"))
    whole = {"apiVersion": REQUEST.api_version, "kind": REQUEST.name, **body}
    await cluster.identities.user(user, groups).create(REQUEST, whole)


def bound(role: str, user: str, name: str = "b") -> Object:
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    return {"metadata": {"name": name}, "roleRef": ref, "subjects": [subject]}


async def approve(cluster: Cluster, type_: str = "Approved") -> None:
    change = {"status": {"conditions": [{**APPROVED, "type": type_}]}}
    await cluster.client.patch(REQUEST, "joe", change, subresource="approval")


def is_signed(obj: Object) -> bool:
    return "certificate" in obj["status"]


def types(obj: Object) -> list[str]:
    return [one["type"] for one in obj["status"].get("conditions") or ()]


@pytest.mark.parametrize(
    ("signer", "asked", "usages"),
    [
        ("kube-apiserver-client", request("joe", ["dev"]), CLIENT),
        ("kube-apiserver-client-kubelet", request(*NODE), CLIENT),
        ("kubelet-serving", request(*NODE, [host("n1"), host("10.0.0.1")]), SERVING),
    ],
)
async def test_what_is_approved_is_signed(cluster: Cluster, signer: str, asked: bytes, usages: list[str]) -> None:
    await ask(cluster, csr(signer, asked, usages, expirationSeconds=86400))
    await cluster.clock.advance(1)
    assert not is_signed(await cluster.client.get(REQUEST, "joe"))
    await approve(cluster)
    found = await cluster.one(REQUEST, "joe", is_signed)
    made = x509.load_pem_x509_certificate(base64.b64decode(found["status"]["certificate"]))
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(ROOT_CA.encode()))
    assert made.not_valid_after_utc <= cluster.clock.now() + timedelta(days=1)
    assert types(found) == ["Approved"]


async def test_what_is_denied_or_of_others_is_not_signed(cluster: Cluster) -> None:
    await cluster.create(REQUEST, csr("kube-apiserver-client", request(), CLIENT))
    await approve(cluster, "Denied")
    other = csr("", request(), CLIENT, signerName="example.com/s")
    await cluster.create(REQUEST, {**other, "metadata": {"name": "other"}})
    await cluster.client.patch(REQUEST, "other", {"status": {"conditions": [APPROVED]}}, subresource="approval")
    await cluster.clock.advance(60)
    assert not any(is_signed(one) for one in (await cluster.client.list(REQUEST)).items)


async def test_what_the_signer_does_not_take_fails(cluster: Cluster) -> None:
    await cluster.create(REQUEST, csr("kubelet-serving", request(*NODE), SERVING))
    await approve(cluster)
    found = await cluster.one(REQUEST, "joe", lambda one: "Failed" in types(one))
    failed = found["status"]["conditions"][1]
    assert (failed["status"], failed["reason"]) == ("True", "SignerValidationFailure")
    assert failed["message"] == "DNS or IP subjectAltName is required"
    assert not is_signed(found)


async def test_what_cannot_be_signed_is_left_alone(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    body = csr("legacy-unknown", request(), ["invented"]) | {"kind": REQUEST.name}
    path = "/apis/certificates.k8s.io/v1beta1/certificatesigningrequests"  # which never minded
    await cluster.client.transport.request("POST", path, body={**body, "apiVersion": "certificates.k8s.io/v1beta1"})
    await approve(cluster)
    await cluster.clock.advance(600)
    assert not is_signed(await cluster.client.get(REQUEST, "joe"))
    assert caplog.text.count("unrecognized usage values") == 1


ROLES = "system:certificates.k8s.io:certificatesigningrequests:"


async def test_kubelets_are_approved_when_they_may_be(cluster: Cluster) -> None:
    await ask(cluster, csr("kube-apiserver-client-kubelet", request(*NODE), CLIENT))
    await cluster.clock.advance(5)
    assert types(await cluster.client.get(REQUEST, "joe")) == []
    await cluster.create(BINDING, bound(ROLES + "nodeclient", "joe"))
    found = await cluster.one(REQUEST, "joe", is_signed)
    approved = found["status"]["conditions"][0]
    assert (approved["type"], approved["reason"]) == ("Approved", "AutoApproved")
    assert approved["message"] == "Auto approving kubelet client certificate after SubjectAccessReview."


async def test_a_kubelet_renews_its_own(cluster: Cluster) -> None:
    await cluster.create(BINDING, bound(ROLES + "selfnodeclient", NODE[0]))
    await ask(cluster, csr("kube-apiserver-client-kubelet", request(*NODE), CLIENT))
    await cluster.clock.advance(5)
    assert types(await cluster.client.get(REQUEST, "joe")) == []  # another user asked
    own = csr("kube-apiserver-client-kubelet", request(*NODE), CLIENT) | {"metadata": {"name": "own"}}
    await ask(cluster, own, *NODE)
    found = await cluster.one(REQUEST, "own", is_signed)
    assert found["status"]["conditions"][0]["message"].startswith("Auto approving self kubelet client certificate")


async def test_people_decide_about_everything_else(cluster: Cluster) -> None:
    await cluster.create(REQUEST, csr("kube-apiserver-client", request(*NODE), CLIENT))
    await cluster.create(REQUEST, {**csr("kubelet-serving", request(*NODE), SERVING), "metadata": {"name": "s"}})
    await cluster.clock.advance(60)
    assert [types(one) for one in (await cluster.client.list(REQUEST)).items] == [[], []]


def condition(type_: str) -> Object:
    return {"type": type_, "status": "True", "lastUpdateTime": format_time(EPOCH + timedelta(hours=3))}


SHORT = text(certificate("x", ca=False, begin=EPOCH, life=timedelta(hours=2)))
LONG = text(certificate("x", ca=False, begin=EPOCH, life=timedelta(days=2)))


@pytest.mark.parametrize(
    ("status", "hours"),
    [
        ({}, 24),
        ({"conditions": [condition("Approved")]}, 27),
        ({"conditions": [condition("Denied")]}, 4),
        ({"conditions": [condition("Failed")]}, 4),
        ({"conditions": [condition("Approved"), condition("Failed")]}, 4),
        ({"conditions": [condition("Approved")], "certificate": LONG}, 4),
        ({"conditions": [condition("Approved")], "certificate": SHORT}, 2),
        ({"conditions": [condition("Approved")], "certificate": text(b"x")}, 4),
        ({"conditions": [condition("Mine")]}, None),
    ],
)
def test_when_a_request_goes(status: Object, hours: int | None) -> None:
    obj = {"metadata": {"creationTimestamp": format_time(EPOCH)}, "status": status}
    assert expires_at(obj) == (None if hours is None else EPOCH + timedelta(hours=hours))


async def test_requests_go_when_nobody_needs_them(cluster: Cluster) -> None:
    await cluster.create(REQUEST, csr("kube-apiserver-client", request(), CLIENT))
    await approve(cluster)
    await cluster.one(REQUEST, "joe", is_signed)
    await cluster.clock.advance(3500)
    await cluster.one(REQUEST, "joe", is_signed)
    await cluster.clock.advance(101)
    await cluster.gone(REQUEST, "joe")


async def test_requests_of_pods_go_after_a_quarter_of_an_hour(cluster: Cluster) -> None:
    spec = {f"{what}{part}": "x" for what in ("pod", "serviceAccount", "node") for part in ("Name", "UID")}
    spec |= {"signerName": "a.com/s", "stubPKCS10Request": text(signed().public_bytes(Encoding.DER))}
    await cluster.create(POD_REQUEST, {"metadata": {"name": "r"}, "spec": spec})
    await cluster.clock.advance(890)
    await cluster.one(POD_REQUEST, "r", lambda one: True)
    await cluster.clock.advance(20)
    await cluster.gone(POD_REQUEST, "r")


async def test_the_ca_of_the_api_server_is_published(cluster: Cluster) -> None:
    name = bundle_name(ROOT_CA)
    found = await cluster.one(BUNDLE, name, lambda one: True)
    assert name.startswith("kubernetes.io:kube-apiserver-serving:")
    assert found["spec"] == {"signerName": "kubernetes.io/kube-apiserver-serving", "trustBundle": ROOT_CA}
    other = certificate("other").decode()
    await cluster.client.patch(BUNDLE, name, {"spec": {"trustBundle": other}})
    await cluster.one(BUNDLE, name, lambda one: one["spec"]["trustBundle"] == ROOT_CA)
    stale = {"signerName": "kubernetes.io/kube-apiserver-serving", "trustBundle": other}
    await cluster.create(BUNDLE, {"metadata": {"name": "kubernetes.io:kube-apiserver-serving:x"}, "spec": stale})
    await cluster.gone(BUNDLE, "kubernetes.io:kube-apiserver-serving:x")
    await cluster.create(BUNDLE, {"metadata": {"name": "mine"}, "spec": {"trustBundle": other}})
    await cluster.client.delete(BUNDLE, name)
    await cluster.one(BUNDLE, name, lambda one: True)
    await cluster.one(BUNDLE, "mine", lambda one: True)
