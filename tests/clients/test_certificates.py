"""The way of every book: a key, a request, `kubectl certificate approve`, and a certificate that works.

openssl makes key and request, each kubectl sends and approves them, Python's ssl serves with what comes back, and our
API takes it for a client. A kubectl that is older than v1 (1.19) approves what a file in v1beta1 names.
"""

import asyncio
import base64
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from sampan.apiserver.authentication.user import service_account
from sampan.controllers.app import run_controllers
from sampan.controllers.config import Config
from sampan.reconcile.clock import SystemClock
from tests.apiserver.harness import API
from tests.apiserver.pki import authority
from tests.clients.programs import program
from tests.clients.rig import Command

HOST = "kubia.example.com"
SIGNERS = {"certificatesigningrequest-approving-controller", "certificatesigningrequest-signing-controller"}
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SERVER = ["digital signature", "key encipherment", "server auth"]
CLIENT = ["digital signature", "key encipherment", "client auth"]


def openssl(*words: str, folder: Path) -> None:
    """Run openssl where there is one."""
    binary = shutil.which("openssl")
    if binary is None:
        pytest.skip("no openssl on this machine")
    subprocess.run([binary, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
async def signing(tls: API) -> AsyncIterator[None]:
    """The controllers that approve and sign, with the authority that the server trusts."""
    config = Config(
        cluster_signing_cert=authority().certificate,
        cluster_signing_key=authority().key,
        controllers=tuple(SIGNERS),
    )
    local, ready = tls.server.local_client, asyncio.Event()
    accounts = run_controllers(
        local(), lambda name: local(service_account("kube-system", name)), config, SystemClock(), ready
    )
    running = asyncio.create_task(accounts)
    await ready.wait()
    yield
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def requested(folder: Path, *more: str, subject: str = f"/CN={HOST}") -> str:
    """The commands of the book; the request as a manifest has it."""
    openssl("genrsa", "-out", "tls.key", "2048", folder=folder)
    openssl("req", "-new", "-key", "tls.key", "-out", "tls.csr", "-subj", subject, *more, folder=folder)
    return base64.b64encode((folder / "tls.csr").read_bytes()).decode()


def manifest(version: str, **spec: Any) -> str:
    """As it is printed."""
    body = {"apiVersion": f"certificates.k8s.io/{version}", "kind": "CertificateSigningRequest"}
    return yaml.safe_dump({**body, "metadata": {"name": "kubia"}, "spec": spec})


def knows_v1(run: Command) -> None:
    """Skip for a kubectl that is older."""
    if run.binary.name == "kubectl-1.15":
        pytest.skip("approves in v1beta1 only")


async def issued(api: API) -> Any:
    """Wait until the request is signed."""
    async with api.watch(REQUESTS, query={"fieldSelector": "metadata.name=kubia"}) as events:
        async for event in events:
            if event["object"]["status"].get("certificate"):
                return event["object"]
    raise AssertionError("the watch ended")


async def fetched(run: Command, folder: Path) -> None:
    """The certificate as a file, by kubectl."""
    encoded = await run("get csr kubia -o jsonpath={.status.certificate}")
    (folder / "tls.crt").write_bytes(base64.b64decode(encoded))


@asynccontextmanager
async def serving(run: Command, folder: Path) -> AsyncIterator[int]:
    """A TLS server with what `kubectl create secret tls` keeps; its port."""
    await run(f"create secret tls tls-secret --cert={folder}/tls.crt --key={folder}/tls.key")
    data = yaml.safe_load(await run("get secret tls-secret -o yaml"))["data"]
    for name in ("tls.crt", "tls.key"):
        (folder / f"served.{name}").write_bytes(base64.b64decode(data[name]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "served.tls.crt", folder / "served.tls.key")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def greeted(port: int, *, by_name: bool) -> Any:
    """Talk to the server as a client that trusts the cluster's CA; the server's certificate."""
    context = ssl.create_default_context(cadata=authority().certificate.decode())
    context.check_hostname = by_name
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=HOST)
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    certificate = writer.get_extra_info("peercert")
    writer.close()
    await writer.wait_closed()
    return certificate


async def test_a_server_with_a_certificate_of_the_books(
    tls: API, signing: None, every_kubectl: Command, tmp_path: Path
) -> None:
    text = manifest("v1beta1", request=requested(tmp_path), usages=SERVER)
    assert "certificatesigningrequest.certificates.k8s.io/kubia created" in await every_kubectl("create -f -", text)
    row = (await every_kubectl("get csr kubia")).splitlines()[1].split()
    assert (row[0], row[2], row[3], row[-1]) == ("kubia", "kubernetes.io/legacy-unknown", "kubernetes-admin", "Pending")
    assert "kubia approved" in await every_kubectl("certificate approve -f -", text)
    await issued(tls)
    assert "Approved,Issued" in await every_kubectl("get csr kubia")
    await fetched(every_kubectl, tmp_path)
    async with serving(every_kubectl, tmp_path) as port:
        found = await greeted(port, by_name=False)
    assert (("commonName", HOST),) in found["subject"]


async def test_a_server_with_a_certificate_of_v1(
    tls: API, signing: None, every_kubectl: Command, tmp_path: Path
) -> None:
    knows_v1(every_kubectl)
    asked = requested(tmp_path, "-addext", f"subjectAltName=DNS:{HOST}", subject="/O=system:nodes/CN=system:node:kubia")
    text = manifest("v1", request=asked, usages=SERVER, signerName="kubernetes.io/kubelet-serving")
    await every_kubectl("create -f -", text)
    await every_kubectl("certificate approve kubia")
    await issued(tls)
    await fetched(every_kubectl, tmp_path)
    async with serving(every_kubectl, tmp_path) as port:
        await greeted(port, by_name=True)


async def test_a_user_by_certificate(tls: API, signing: None, every_kubectl: Command, tmp_path: Path) -> None:
    knows_v1(every_kubectl)
    asked = requested(tmp_path, subject="/O=dev/CN=joe")
    spec = {"request": asked, "usages": CLIENT, "signerName": "kubernetes.io/kube-apiserver-client"}
    await every_kubectl("create -f -", manifest("v1", **spec, expirationSeconds=86400))
    assert "kubia approved" in await every_kubectl("certificate approve kubia")
    await issued(tls)
    await fetched(every_kubectl, tmp_path)
    # Flags of their own would leave the administrator's certificate in force; the `config set-credentials`
    # of 1.18 to 1.21, built by a Go of today, dies of sorting a map.
    joe = {"client-certificate": f"{tmp_path}/tls.crt", "client-key": f"{tmp_path}/tls.key"}
    every_kubectl.become("joe", joe)
    refused = await every_kubectl("get pods", fails=True)
    assert 'pods is forbidden: User "joe" cannot list resource "pods"' in refused
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "dev"}
    binding = {"metadata": {"name": "dev"}, "roleRef": ref, "subjects": [subject]}
    await tls.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    assert await every_kubectl("get pods -o name") == ""


async def test_a_request_that_is_denied(tls: API, signing: None, every_kubectl: Command, tmp_path: Path) -> None:
    text = manifest("v1beta1", request=requested(tmp_path), usages=SERVER)
    await every_kubectl("create -f -", text)
    await every_kubectl("certificate deny -f -", text)  # kubectl 1.15 says "approved" of that, too
    found = await tls.get(f"{REQUESTS}/kubia")
    assert [one["type"] for one in found["status"]["conditions"]] == ["Denied"]
    assert "Denied" in await every_kubectl("get csr kubia")
    assert "certificate" not in found["status"]


async def test_kubectl_tells_more_of_it(tls: API, signing: None, tmp_path: Path) -> None:
    run = Command(program("kubectl-1.15"), tmp_path, tls.server.port)
    await run("create -f -", manifest("v1beta1", request=requested(tmp_path), usages=SERVER))
    described = await run("describe csr kubia")
    assert f"Common Name:    {HOST}" in described
    assert "Status:             Pending" in described
