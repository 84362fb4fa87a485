"""certificates.k8s.io over the API: who asked, who approves, who signs, who may say whom to trust."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sampan.machinery.meta import format_time
from tests.apiserver.harness import API, PODS, Answer, pod, running
from tests.pkcs10 import certificate, host, request, signed, text

V1, BETA = (f"/apis/certificates.k8s.io/{version}/certificatesigningrequests" for version in ("v1", "v1beta1"))
BUNDLES = "/apis/certificates.k8s.io/v1/clustertrustbundles"
POD_REQUESTS = "/apis/certificates.k8s.io/v1/namespaces/default/podcertificaterequests"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
SIGNER = "example.com/s"
APPROVED = {"type": "Approved", "status": "True", "reason": "r"}


def csr(asked: bytes = b"", **spec: Any) -> dict[str, Any]:
    body = {"request": text(asked or request()), "signerName": SIGNER, "usages": ["client auth"], **spec}
    return {"metadata": {"name": "joe"}, "spec": body}


async def allow(api: API, name: str, *rules: dict[str, Any]) -> None:
    """Give joe some rights."""
    await api.create(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": list(rules)})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"}]
    body = {"metadata": {"name": name}, "roleRef": ref, "subjects": subjects}
    await api.create(f"{RBAC}/clusterrolebindings", body)


def may(verb: str, *names: str, resource: str = "signers") -> dict[str, Any]:
    """A rule."""
    rule: dict[str, Any] = {"verbs": verb.split(","), "apiGroups": ["certificates.k8s.io"], "resources": [resource]}
    return rule | ({"resourceNames": list(names)} if names else {})


def message(answer: Answer, status: int = 403) -> str:
    """Of a refusal."""
    assert answer.status == status, answer
    return str(answer.body["message"])


async def test_who_asks_is_what_the_server_knows(api: API) -> None:
    await allow(api, "asks", may("create", resource="certificatesigningrequests"))
    made = await api.create(V1, csr(username="root", groups=["system:masters"], extra={"a": ["b"]}), user="joe")
    who = {field: value for field, value in made["spec"].items() if field in ("username", "groups", "extra")}
    assert who == {"username": "joe", "groups": ["system:authenticated"]}
    assert made["status"] == {}


async def test_a_request_that_is_applied_has_its_spec(api: API) -> None:
    body = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", **csr()}
    query = {"fieldManager": "m"}
    made = await api.call("PATCH", f"{V1}/joe", body, content_type="application/apply-patch+yaml", query=query)
    assert (made.status, made.body["spec"]["username"]) == (201, "admin")


async def test_approval_and_status_are_two_subresources(api: API) -> None:
    await api.create(V1, csr())
    approved = await api.patch(f"{V1}/joe/approval", {"status": {"conditions": [APPROVED], "certificate": None}})
    (condition,) = approved.body["status"]["conditions"]
    assert condition["lastUpdateTime"] == condition["lastTransitionTime"] != ""
    chain = text(certificate(ca=False))
    signed_ = await api.patch(
        f"{V1}/joe/status", {"metadata": {"labels": {"a": "b"}}, "status": {"certificate": chain}}
    )
    assert signed_.body["status"] == {"certificate": chain, "conditions": [condition]}
    assert signed_.body["metadata"]["labels"] == {"a": "b"}
    plain = await api.patch(f"{V1}/joe", {"spec": {"usages": ["any"]}, "status": {"certificate": ""}})
    assert (plain.body["spec"], plain.body["status"]) == (approved.body["spec"], signed_.body["status"])
    assert (await api.get(f"{V1}/joe/approval"))["kind"] == "CertificateSigningRequest"


async def test_who_signs_does_not_touch_the_decision(api: API) -> None:
    await api.create(V1, csr())
    approval = (await api.patch(f"{V1}/joe/approval", {"status": {"conditions": [APPROVED]}})).body
    mine = {"type": "Mine", "status": "False"}
    changed = [{**APPROVED, "reason": "other"}, mine]
    status = (await api.patch(f"{V1}/joe/status", {"status": {"conditions": changed}})).body["status"]
    assert status["conditions"][0] == approval["status"]["conditions"][0]
    assert status["conditions"][1]["type"] == "Mine"
    refused = await api.patch(f"{V1}/joe/status", {"status": {"conditions": [mine]}})
    assert message(refused, 422).endswith(
        'status.conditions: Forbidden: updates may not remove a condition of type "Approved"'
    )


async def test_the_old_version_has_the_same_subresources(api: API) -> None:
    asked = csr(signerName="kubernetes.io/legacy-unknown")
    assert "the legacy signerName is not allowed" in message(await api.call("POST", V1, asked), 422)
    made = await api.call("POST", BETA, asked)
    assert (made.status, len(made.warnings)) == (201, 1)
    approved = await api.patch(f"{BETA}/joe/approval", {"status": {"conditions": [{"type": "Approved"}]}})
    assert approved.body["status"]["conditions"][0]["status"] == "True"
    again = {**approved.body, "apiVersion": "certificates.k8s.io/v1"}
    assert (await api.call("PUT", f"{V1}/joe/approval", again)).status == 200
    for chain in (certificate("a", ca=False), certificate("b", ca=False)):
        answer = await api.patch(f"{BETA}/joe/status", {"status": {"certificate": text(chain)}})
        assert answer.status == 200
    refused = await api.patch(f"{V1}/joe/status", {"status": {"certificate": text(certificate())}})
    assert "updates may not modify existing certificate content" in message(refused, 422)


@pytest.mark.parametrize("names", [(SIGNER,), ("example.com/*",), ()])
async def test_approving_needs_the_signer(api: API, names: tuple[str, ...]) -> None:
    await api.create(V1, csr())
    await allow(api, "approves", may("update,patch", resource="certificatesigningrequests/approval"))
    change = {"status": {"conditions": [{**APPROVED, "type": "Denied"}]}}
    assert message(await api.patch(f"{V1}/joe/approval", change, user="joe")) == (
        'certificatesigningrequests.certificates.k8s.io "joe" is forbidden: '
        f'user not permitted to approve requests with signerName "{SIGNER}"'
    )
    await allow(api, "signer", may("approve", *names))
    assert (await api.patch(f"{V1}/joe/approval", change, user="joe")).status == 200


async def test_signing_needs_the_signer(api: API) -> None:
    await api.create(V1, csr())
    await allow(api, "signs", may("update,patch", resource="certificatesigningrequests/status"), may("sign", "a.com/*"))
    labels = {"metadata": {"labels": {"a": "b"}}}
    assert (await api.patch(f"{V1}/joe/status", labels, user="joe")).status == 200
    change = {"status": {"certificate": text(certificate(ca=False))}}
    assert message(await api.patch(f"{V1}/joe/status", change, user="joe")) == (
        'certificatesigningrequests.certificates.k8s.io "joe" is forbidden: '
        f'user not permitted to sign requests with signerName "{SIGNER}"'
    )
    await allow(api, "signer", may("sign", "example.com/*"))
    assert (await api.patch(f"{V1}/joe/status", change, user="joe")).status == 200


async def test_nobody_gets_a_certificate_of_the_masters(api: API) -> None:
    asked = csr(request("joe", ["system:masters"]), signerName="kubernetes.io/kube-apiserver-client")
    assert message(await api.call("POST", V1, asked)) == (
        'certificatesigningrequests.certificates.k8s.io "joe" is forbidden: use of kubernetes.io/kube-apiserver-client '
        "signer with system:masters group is not allowed"
    )
    assert (await api.call("POST", V1, csr(request("joe", ["system:masters"])))).status == 201


async def test_requests_are_found_by_their_signer(api: API) -> None:
    await api.create(V1, csr())
    for signer, count in ((SIGNER, 1), ("example.com/t", 0)):
        found = await api.get(V1, query={"fieldSelector": f"spec.signerName={signer}"})
        assert len(found["items"]) == count


def bundle(content: bytes, signer: str = "") -> dict[str, Any]:
    name = signer.replace("/", ":") + ":b" if signer else "b"
    return {"metadata": {"name": name}, "spec": {"trustBundle": content.decode(), "signerName": signer}}


async def test_attesting_needs_the_signer(api: API) -> None:
    await allow(api, "writes", may("create,update,patch", resource="clustertrustbundles"))
    ca = certificate()
    await api.create(BUNDLES, bundle(ca), user="joe")
    assert message(await api.call("POST", BUNDLES, bundle(ca, SIGNER), user="joe")) == (
        'clustertrustbundles.certificates.k8s.io "example.com:s:b" is forbidden: '
        f'user not permitted to attest for signerName "{SIGNER}"'
    )
    await api.create(BUNDLES, bundle(ca, SIGNER))
    path = f"{BUNDLES}/example.com:s:b"
    finalizer = {"metadata": {"finalizers": ["a.com/f"]}}
    assert (await api.patch(path, finalizer, user="joe")).status == 200
    assert (await api.patch(path, {"metadata": {"labels": {"a": "b"}}}, user="joe")).status == 403
    await allow(api, "attests", may("attest", SIGNER))
    assert (await api.patch(path, {"metadata": {"labels": {"a": "b"}}}, user="joe")).status == 200


def pod_request(**spec: Any) -> dict[str, Any]:
    body = {
        "signerName": SIGNER,
        **{f"{what}Name": "default" for what in ("pod", "serviceAccount", "node")},
        **{f"{what}UID": "u" for what in ("pod", "serviceAccount", "node")},
        "stubPKCS10Request": text(signed().public_bytes(Encoding.DER)),
        **spec,
    }
    return {"metadata": {"name": "r"}, "spec": body}


def issued() -> dict[str, Any]:
    begin = datetime.now(UTC).replace(microsecond=0)
    chain = certificate("p", ca=False, begin=begin, life=timedelta(hours=2)).decode()
    condition = {"type": "Issued", "status": "True", "reason": "R", "lastTransitionTime": format_time(begin)}
    times = {
        name: format_time(begin + timedelta(hours=hours))
        for name, hours in (("notBefore", 0), ("beginRefreshAt", 1), ("notAfter", 2))
    }
    return {"certificateChain": chain, "conditions": [condition], **times}


async def test_answering_for_a_pod_needs_the_signer(api: API) -> None:
    await api.create(POD_REQUESTS, pod_request())
    await allow(api, "answers", may("update,patch", resource="podcertificaterequests/status"))
    change = {"metadata": {"labels": {"a": "b"}}, "status": issued()}
    assert message(await api.patch(f"{POD_REQUESTS}/r/status", change, user="joe"), 422).endswith(
        f'spec.signerName: Forbidden: User "joe" is not permitted to "sign" for signer "{SIGNER}"'
    )
    await allow(api, "signs", may("sign", SIGNER))
    answer = await api.patch(f"{POD_REQUESTS}/r/status", change, user="joe")
    change["status"]["conditions"][0]["message"] = ""
    assert answer.body["status"] == change["status"]
    assert "labels" not in answer.body["metadata"]
    again = await api.patch(f"{POD_REQUESTS}/r/status", {"status": None})
    assert message(again, 422).endswith("immutable after PodCertificateRequest is issued, denied, or failed")


@pytest.fixture
async def node(api: API) -> dict[str, Any]:
    """What node n1 may truly say of a pod of its own."""
    account = await api.service_account()
    projected = {"sources": [{"podCertificate": {"signerName": SIGNER, "keyType": "ED25519", "keyPath": "k"}}]}
    volumes = [{"name": "v", "projected": projected}]
    running_ = await api.create(PODS, pod("p", nodeName="n1", volumes=volumes))
    await api.create(PODS, pod("q", nodeName="n2", volumes=volumes))
    its = await api.create("/api/v1/nodes", {"metadata": {"name": "n1"}})
    return {
        "podName": "p",
        "serviceAccountName": "default",
        "nodeName": "n1",
        "signerName": SIGNER,
        "podUID": running_["metadata"]["uid"],
        "serviceAccountUID": account["metadata"]["uid"],
        "nodeUID": its["metadata"]["uid"],
    }


@pytest.mark.parametrize(
    ("lie", "status", "why"),
    [
        ({}, 201, ""),
        ({"nodeName": "n2"}, 403, 'Spec.NodeName="n2", which is not the requesting node "n1"'),
        ({"nodeUID": "x"}, 500, 'names node UID "x", inconsistent with the running node'),
        ({"podName": "none"}, 500, 'while retrieving pod "default/none" named in the PodCertificateRequest: '),
        ({"podUID": "x"}, 500, 'contains pod UID ("x") which differs from running pod'),
        (
            {"serviceAccountName": "x"},
            403,
            'contains serviceAccountName ("x") that differs from running pod ("default")',
        ),
        ({"serviceAccountUID": "x"}, 500, 'names service account UID "x", which differs from the running service'),
        (
            {"signerName": "a.com/s"},
            403,
            'pod "default/p" does not mount a podCertificate projected volume for signer "a.com/s"',
        ),
    ],
)
async def test_a_node_asks_for_its_pods(api: API, node: dict[str, Any], lie: Any, status: int, why: str) -> None:
    answer = await api.call("POST", POD_REQUESTS, pod_request(**node | lie), user="node")
    assert answer.status == status, answer
    assert why in answer.body.get("message", "")


async def test_a_node_does_not_ask_for_pods_of_others(api: API, node: dict[str, Any]) -> None:
    other = await api.get(f"{PODS}/q")
    asked = pod_request(**node | {"podName": "q", "podUID": other["metadata"]["uid"]})
    why = 'pod "default/q" is not running on node "n1" named in the PodCertificateRequest'
    assert message(await api.call("POST", POD_REQUESTS, asked, user="node")).endswith(why)


@pytest.mark.parametrize(
    ("name", "signer", "status"),
    [
        ("system:node:n1", "kubernetes.io/kubelet-serving", 201),
        ("system:node:n2", "kubernetes.io/kubelet-serving", 403),
        ("system:node:n2", "kubernetes.io/kube-apiserver-client-kubelet", 403),
        ("system:node:n2", SIGNER, 201),
    ],
)
async def test_a_node_asks_in_its_own_name(name: str, signer: str, status: int) -> None:
    async with running() as api:
        asked = csr(request(name, ["system:nodes"], [host("n1")]), signerName=signer)
        answer = await api.call("POST", V1, asked, user="node")
        assert answer.status == status
        if status == 403:
            assert message(answer).endswith("is forbidden: can only create a node CSR with CN=system:node:n1")
