"""Volumes: their content, atomic replacement, hostPath checks, subPath safety."""

import base64
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from sampan.kubelet.mounting import mounted_below, unmount_below
from sampan.kubelet.pod_env import Source
from sampan.kubelet.volumes.atomic import Content, write
from sampan.kubelet.volumes.content import Sources, Token, VolumeError, files, wanted
from sampan.kubelet.volumes.host_path import prepare_host_path
from sampan.kubelet.volumes.subpath import bind_subpath
from sampan.machinery.meta import Object
from tests.kubelet.pods import NOW, pod

CONFIG = {"kind": "ConfigMap", "data": {"a": "1"}, "binaryData": {"b": base64.b64encode(b"\0").decode()}}
SECRET = {"kind": "Secret", "data": {"p": base64.b64encode(b"hush").decode()}}
SOURCES = Sources(
    {Source("configmap", "c"): CONFIG, Source("secret", "s"): SECRET, Source("configmap", "none"): None},
    {Token("", 3600): "jwt"},
)


def content(volume: Object, **spec: Object) -> dict[str, Content]:
    return files({"name": "v", **volume}, pod(**spec), SOURCES)


def test_a_config_map_gives_all_its_keys() -> None:
    assert content({"configMap": {"name": "c"}}) == {"a": Content(b"1"), "b": Content(b"\0")}


def test_items_choose_and_rename() -> None:
    items = [{"key": "a", "path": "x/y", "mode": 0o400}]
    assert content({"configMap": {"name": "c", "items": items}}) == {"x/y": Content(b"1", 0o400)}


def test_a_default_mode_is_for_all() -> None:
    assert content({"secret": {"secretName": "s", "defaultMode": 0o440}}) == {"p": Content(b"hush", 0o440)}


def test_projected_sources_come_together() -> None:
    sources = [
        {"serviceAccountToken": {"path": "token"}},
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    volume = {"projected": {"sources": sources}}
    assert wanted({"name": "v", **volume})[:2] == ({Source("configmap", "c")}, {Token("", 3600)})
    assert {path: file.data for path, file in content(volume).items()} == {
        "token": b"jwt",
        "ca.crt": b"1",
        "namespace": b"default",
    }


def test_a_token_is_for_the_group_where_there_is_one() -> None:
    volume = {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    assert content(volume, securityContext={"fsGroup": 7})["token"].mode == 0o600


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        (
            {"configMap": {"name": "c", "items": [{"key": "x", "path": "x"}]}},
            "references non-existent config key: x",
        ),
        (
            {"secret": {"secretName": "s", "items": [{"key": "x", "path": "x"}]}},
            "references non-existent secret key: x",
        ),
    ],
)
def test_what_is_missing_is_named(volume: Object, message: str) -> None:
    with pytest.raises(VolumeError) as error:
        content(volume)
    assert str(error.value) == message


def test_optional_sources_may_be_missing() -> None:
    assert content({"configMap": {"name": "none", "optional": True}}) == {}


def test_files_are_links_into_a_generation(tmp_path: Path) -> None:
    assert write(tmp_path, {"a": Content(b"1"), "d/b": Content(b"2", 0o400)}, None, NOW)
    assert (tmp_path / "a").readlink() == Path("..data/a")
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "d/b").read_bytes()) == (b"1", b"2")
    assert (tmp_path / "d/b").stat().st_mode & 0o777 == 0o400


def test_an_update_swaps_all_files_at_once(tmp_path: Path) -> None:
    write(tmp_path, {"a": Content(b"1"), "old": Content(b"x")}, None, NOW)
    first = (tmp_path / "..data").readlink()
    assert write(tmp_path, {"a": Content(b"2"), "new": Content(b"y")}, None, NOW + timedelta(seconds=1))
    assert (tmp_path / "..data").readlink() != first
    assert sorted(entry.name for entry in tmp_path.iterdir() if not entry.name.startswith("..")) == ["a", "new"]
    assert not (tmp_path / first).exists()


def test_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    write(tmp_path, {"a": Content(b"1")}, None, NOW)
    before = (tmp_path / "..data").readlink()
    assert not write(tmp_path, {"a": Content(b"1")}, None, NOW)
    assert (tmp_path / "..data").readlink() == before


def test_host_paths_are_checked_by_type(tmp_path: Path) -> None:
    prepare_host_path(tmp_path / "made", "DirectoryOrCreate")
    prepare_host_path(tmp_path / "file", "FileOrCreate")
    prepare_host_path(tmp_path / "nothing", "")
    assert (tmp_path / "made").is_dir() and (tmp_path / "file").is_file() and not (tmp_path / "nothing").exists()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        prepare_host_path(tmp_path / "s", "Socket")
    for type_, shown in [("Directory", "a directory"), ("File", "a file"), ("BlockDevice", "a block device")]:
        with pytest.raises(VolumeError) as error:
            prepare_host_path(tmp_path / "nothing", type_)
        assert str(error.value) == f"hostPath type check failed: {tmp_path}/nothing is not {shown}"


def test_mounts_below_a_directory_newest_first() -> None:
    info = "\n".join(f"1 1 0:1 / {point} rw - x x rw" for point in ("/a", "/a/b", "/ab", "/a/b\\040c"))
    assert mounted_below(Path("/a"), info) == [Path("/a/b c"), Path("/a/b"), Path("/a")]


node = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@pytest.mark.node
@node
class TestSubPath:
    """Bind mounts; undone by the fixture."""

    @pytest.fixture
    def volume(self, tmp_path: Path) -> Path:
        directory = tmp_path / "volume"
        directory.mkdir()
        return directory

    @pytest.fixture
    def target(self, tmp_path: Path):  # type: ignore[no-untyped-def]
        yield tmp_path / "mounts" / "0"
        unmount_below(tmp_path)

    def test_a_file_and_a_missing_directory(self, volume: Path, target: Path) -> None:
        (volume / "f").write_text("x")
        assert bind_subpath(volume, "f", target).read_text() == "x"
        made = bind_subpath(volume, "new/dir", target.with_name("1"))
        (made / "seen").touch()
        assert (volume / "new/dir/seen").exists()

    def test_a_link_inside_is_followed(self, volume: Path, target: Path) -> None:
        write(volume, {"key": Content(b"1")}, None, NOW)
        assert bind_subpath(volume, "key", target).read_bytes() == b"1"

    @pytest.mark.parametrize("subpath", ["../out", "/etc", "a/../../out"])
    def test_paths_out_of_the_volume_are_refused(self, volume: Path, target: Path, subpath: str) -> None:
        with pytest.raises(VolumeError):
            bind_subpath(volume, subpath, target)

    def test_a_link_to_the_outside_is_refused(self, volume: Path, target: Path) -> None:
        (volume / "evil").symlink_to("/etc")
        with pytest.raises(VolumeError, match="not within volume path"):
            bind_subpath(volume, "evil/passwd", target)

    def test_what_is_bound_stays(self, volume: Path, target: Path) -> None:
        (volume / "f").write_text("old")
        bind_subpath(volume, "f", target)
        (volume / "f").unlink()
        (volume / "f").write_text("new")
        assert bind_subpath(volume, "f", target).read_text() == "old"
