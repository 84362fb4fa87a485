"""Image names, the OCI layout on disk, and the registry that serves it."""

import gzip
import io
import json
import tarfile
import tomllib
from pathlib import Path

import pytest

from sampan.cluster.image_layout import Layout, parse_reference
from sampan.cluster.registry import Registry, registry_hosts
from sampan.transport.messages import Request, Response


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("node:7", "docker.io/library/node:7"),
        ("luksa/kubia", "docker.io/luksa/kubia:latest"),
        ("ghcr.io/a/b/c:v1", "ghcr.io/a/b/c:v1"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("localhost/x:1", "localhost/x:1"),
    ],
)
def test_short_names_expand_as_docker_expands_them(short: str, full: str) -> None:
    assert str(parse_reference(short)) == full


@pytest.mark.parametrize("text", ["", " busybox", "x@sha256:0"])
def test_what_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid image reference"):
        parse_reference(text)


def tar(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def layout_with(directory: Path, *names: str) -> Layout:
    layout = Layout(directory)
    for name in names:
        layer = layout.add_layer(tar(name=name.encode()))
        layout.add_image(parse_reference(name), [layer], {"os": "linux", "config": {"Cmd": [name]}})
    return layout


def test_a_new_image_replaces_the_old_one_of_its_name(tmp_path: Path) -> None:
    layout = layout_with(tmp_path, "a", "b")
    layer = layout.add_layer(tar(new=b"1"))
    layout.add_image(parse_reference("a"), [layer], {"config": {"Cmd": ["new"]}})
    assert [name for name, _ in layout.images()] == ["docker.io/library/a:latest", "docker.io/library/b:latest"]
    found = layout.find(parse_reference("a"))
    assert found is not None
    assert layout.layers_of(found)[1]["config"] == {"Cmd": ["new"]}


def test_a_docker_archive_is_taken_in(tmp_path: Path) -> None:
    layer = tar(hello=b"world")
    config = json.dumps({"config": {"Cmd": ["x"]}, "rootfs": {"type": "layers", "diff_ids": ["?"]}}).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["me/app:2"], "Layers": ["l/layer.tar"]}]).encode()
    archive = tar(**{"c.json": config, "l/layer.tar": layer, "manifest.json": manifest})
    layout = Layout(tmp_path)
    assert layout.load_archive(io.BytesIO(archive)) == ["docker.io/me/app:2"]
    found = layout.find(parse_reference("me/app:2"))
    assert found is not None
    (descriptor,), _ = layout.layers_of(found)
    assert gzip.decompress(layout.read(descriptor)) == layer


def test_an_archive_that_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a docker-archive nor an OCI archive"):
        Layout(tmp_path).load_archive(io.BytesIO(tar(readme=b"")))


@pytest.mark.parametrize(
    "content",
    [
        b"FROM busybox",
        b"",
        gzip.compress(b"x" * 5000)[:20],
        gzip.compress(b"x" * 5000),
        b"BZh9" + bytes(50),
        b"\xfd7zXZ\0" + bytes(50),
        tar(**{"manifest.json": b"[{}]"}),
        tar(**{"manifest.json": b"[1]"}),
        tar(**{"manifest.json": b"no JSON"}),
        tar(**{"index.json": b"[]"}),
        tar(**{"manifest.json": b"[]"})[:700],
    ],
    ids=[
        "text",
        "empty",
        "cut-gzip",
        "gzip",
        "bzip2",
        "xz",
        "no-config",
        "no-manifest",
        "no-json",
        "bad-index",
        "cut-tar",
    ],
)
def test_what_is_no_archive_is_an_error_of_one_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError) as raised:
        assert Layout(tmp_path).load_archive(io.BytesIO(content))
    assert str(raised.value) and "\n" not in str(raised.value)


def ask(registry: Registry, path: str, query: str = "", method: str = "GET") -> Response:
    return registry(Request(method, path, query, {}))


def test_the_registry_serves_what_containerd_asks_for(tmp_path: Path) -> None:
    layout_with(tmp_path, "luksa/kubia", "ghcr.io/x/y:1")
    registry = Registry(tmp_path)
    assert ask(registry, "/v2/").status == 200
    manifest = ask(registry, "/v2/luksa/kubia/manifests/latest", "ns=docker.io")
    assert manifest.status == 200
    assert manifest.content_type == "application/vnd.oci.image.manifest.v1+json"
    body = json.loads(manifest.body)
    for part in (body["config"], *body["layers"]):
        assert len(ask(registry, f"/v2/luksa/kubia/blobs/{part['digest']}").body) == part["size"]
    assert ask(registry, "/v2/x/y/manifests/1", "ns=ghcr.io").status == 200
    assert ask(registry, "/v2/x/y/manifests/1", "ns=docker.io").status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/luksa/kubia/manifests/none", 404),
        ("/v2/luksa/kubia/blobs/sha256:../../../index.json", 404),
        ("/v2/luksa/kubia/blobs/sha256:" + "0" * 64, 404),
        ("/", 404),
    ],
)
def test_the_registry_gives_nothing_else(tmp_path: Path, path: str, status: int) -> None:
    layout_with(tmp_path, "luksa/kubia")
    answer = ask(Registry(tmp_path), path)
    assert answer.status == status
    assert json.loads(answer.body)["errors"]


def test_the_registry_takes_no_pushes(tmp_path: Path) -> None:
    assert ask(Registry(tmp_path), "/v2/a/b/blobs/uploads/", method="POST").status == 405


def test_containerd_asks_the_cluster_first_and_the_images_registry_next() -> None:
    found = tomllib.loads(registry_hosts(10500))
    assert found == {"host": {"http://127.0.0.1:10500": {"capabilities": ["pull", "resolve"]}}}  # no `server`: its own


@pytest.mark.parametrize("content", [b"", b"\xff{", b"[]", b"{}"])
def test_a_damaged_list_of_images_is_named_with_what_mends_it(tmp_path: Path, content: bytes) -> None:
    index = tmp_path / "index.json"
    index.write_bytes(content)
    with pytest.raises(ValueError, match=rf"(?s){index} is damaged.*\n    rm {index}"):
        Layout(tmp_path).index()
    answer = ask(Registry(tmp_path), "/v2/library/busybox/manifests/latest")
    assert (answer.status, str(index) in bytes(answer.body).decode()) == (500, True)
