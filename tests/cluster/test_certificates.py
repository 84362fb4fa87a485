"""The cluster's certificate authority."""

import ssl
import stat
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from sampan.cluster.pki import PKI


def make(directory: Path, *hosts: str) -> None:
    PKI(directory=directory, server_hosts=hosts, node_name="sampan", node_hosts=["192.0.2.7"]).ensure()


def subject(path: Path) -> tuple[str, list[str]]:
    name = x509.load_pem_x509_certificate(path.read_bytes()).subject
    organizations = [str(a.value) for a in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value), organizations


def test_identities_are_those_that_upstream_components_have(tmp_path: Path) -> None:
    make(tmp_path, "localhost")
    assert subject(tmp_path / "admin.crt") == ("kubernetes-admin", ["system:masters"])
    assert subject(tmp_path / "kubelet.crt") == ("system:node:sampan", ["system:nodes"])
    assert subject(tmp_path / "apiserver-kubelet-client.crt") == ("kube-apiserver-kubelet-client", ["system:masters"])


def test_a_front_proxy_has_a_ca_of_its_own(tmp_path: Path) -> None:
    make(tmp_path, "localhost")
    for name in ("front-proxy-ca", "front-proxy-client"):  # as in a cluster from before there were any
        for suffix in ("crt", "key"):
            (tmp_path / f"{name}.{suffix}").unlink()
    make(tmp_path, "localhost")
    assert subject(tmp_path / "front-proxy-client.crt") == ("front-proxy-client", [])
    issued, issuer = (
        x509.load_pem_x509_certificate((tmp_path / f"front-proxy-{name}.crt").read_bytes()) for name in ("client", "ca")
    )
    issued.verify_directly_issued_by(issuer)


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    make(tmp_path, "localhost")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.key")}
    assert len(modes) == 8
    assert set(modes.values()) == {0o600}


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path, "localhost", "10.96.0.1")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make(tmp_path, "10.96.0.1")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_new_host_renews_only_the_certificate_that_serves_it(tmp_path: Path) -> None:
    make(tmp_path, "localhost")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make(tmp_path, "localhost", "192.0.2.9")
    changed = {path.name for path in tmp_path.iterdir() if before[path.name] != path.read_bytes()}
    assert changed == {"apiserver.crt", "apiserver.key"}


def test_openssl_accepts_the_chain(tmp_path: Path) -> None:
    make(tmp_path, "localhost", "127.0.0.1")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "apiserver.crt", tmp_path / "apiserver.key")
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(incoming, outgoing, server_side=True),
        client.wrap_bio(outgoing, incoming, server_hostname="127.0.0.1"),
    ]
    done: set[int] = set()
    for turn in range(8):
        try:
            ends[turn % 2].do_handshake()
            done.add(turn % 2)
        except ssl.SSLWantReadError:
            continue
    assert done == {0, 1}
