"""Certificates on a real cluster: key and request by openssl, approved by kubectl; and pods that know whom to trust."""

import base64
import json
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Kubectl, eventually, shell_pod

pytestmark = pytest.mark.node

HOST = "kubia.example.com"


def request(kubectl: Kubectl, folder: Path) -> str:
    """The commands of the notes, and the request as a manifest in v1beta1; its name."""
    binary = shutil.which("openssl")
    if binary is None:
        pytest.skip("no openssl on this machine")
    subprocess.run([binary, "genrsa", "-out", "tls.key", "2048"], cwd=folder, check=True, capture_output=True)
    words = ["req", "-new", "-key", "tls.key", "-out", "tls.csr", "-subj", f"/CN={HOST}"]
    words += ["-addext", f"subjectAltName=DNS:{HOST}"]
    subprocess.run([binary, *words], cwd=folder, check=True, capture_output=True)
    name = f"{kubectl.namespace}-kubia"
    spec = {
        "request": base64.b64encode((folder / "tls.csr").read_bytes()).decode(),
        "usages": ["digital signature", "key encipherment", "server auth"],
    }
    body = {"apiVersion": "certificates.k8s.io/v1beta1", "kind": "CertificateSigningRequest"}
    kubectl("create", "-f", "-", stdin=json.dumps({**body, "metadata": {"name": name}, "spec": spec}))
    return name


def test_an_approved_request_is_a_certificate_of_the_cluster(kubectl: Kubectl, tmp_path: Path) -> None:
    name = request(kubectl, tmp_path)
    try:
        assert f"{name} approved" in kubectl("certificate", "approve", name)
        encoded = eventually(
            lambda: kubectl("get", "csr", name, "-o", "jsonpath={.status.certificate}"), "never signed"
        )
        assert "Approved,Issued" in kubectl("get", "csr", name)
    finally:
        kubectl("delete", "csr", name)
    (tmp_path / "tls.crt").write_bytes(base64.b64decode(encoded))
    kubectl("create", "secret", "tls", "tls-secret", f"--cert={tmp_path}/tls.crt", f"--key={tmp_path}/tls.key")
    secret = kubectl.json("get", "secret", "tls-secret")
    assert secret["type"] == "kubernetes.io/tls" and secret["data"]["tls.crt"] == encoded
    shaken(tmp_path, kubectl.json("get", "configmap", "kube-root-ca.crt")["data"]["ca.crt"])


def shaken(folder: Path, authority: str) -> None:
    """Shake hands with a server that has the certificate, in memory, as a client that knows the host by its name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = ssl.create_default_context(cadata=authority).wrap_bio(to_client, to_server, server_hostname=HOST)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    waiting: list[Any] = [ours, theirs]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    assert not waiting


def test_a_pod_finds_whom_to_trust(kubectl: Kubectl) -> None:
    everything: dict[str, Any] = {}
    source = {"signerName": "kubernetes.io/kube-apiserver-serving", "labelSelector": everything, "path": "ca.pem"}
    volume = {"name": "trust", "projected": {"sources": [{"clusterTrustBundle": source}]}}
    reader = shell_pod("reader", "cat /trust/ca.pem", restartPolicy="Never", volumes=[volume])
    reader["spec"]["containers"][0]["volumeMounts"] = [{"name": "trust", "mountPath": "/trust"}]
    kubectl.apply(reader)
    eventually(lambda: kubectl.json("get", "pod", "reader")["status"]["phase"] == "Succeeded", "never read")
    published = kubectl.json("get", "configmap", "kube-root-ca.crt")["data"]["ca.crt"]
    assert kubectl("logs", "reader").split() == published.split()
