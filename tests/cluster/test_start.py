"""Starting under bad conditions, and ending: what is said, what is accounted for, what stays."""

import errno
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.cli import app
from sampan.cli.up import wishes_of
from sampan.cluster import process
from sampan.cluster.lifecycle import LifecycleError
from sampan.cluster.private import private_directory
from sampan.cluster.removal import INTERVAL, remove_tree
from sampan.cluster.settle import settle
from sampan.cluster.start_errors import explain
from sampan.storage.protocol import StoreFull
from tests.cluster.place import Place, command_in, mend

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home")
    yield place
    place.end()


# Errors


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EISDIR, errno.EIO, errno.EMFILE])
def test_an_error_of_the_system_names_the_file_and_a_command(number: int) -> None:
    message = explain(OSError(number, os.strerror(number), "/state/pki/ca.key"), "/state")
    assert command_in(message, Path("/state/pki/ca.key"))
    assert os.strerror(number) in message


def test_an_error_that_names_no_file_is_about_the_directory() -> None:
    assert "df -h /state" in command_in(explain(OSError(errno.ENOSPC, "No space left"), "/state/x"), Path("/state"))
    full = ExceptionGroup("a task failed", [StoreFull("cannot write /state/store.db: database or disk is full")])
    assert command_in(explain(full, "/state"), Path("/state/store.db")) == "df -h /state"
    locked = StoreFull("cannot write /state/store.db: attempt to write a readonly database")
    assert command_in(explain(locked, "/state"), Path("/state/store.db")) == "chmod u+rwX /state/store.db"


def test_an_error_that_says_nothing_has_a_name() -> None:
    assert explain(TimeoutError(), "/state") == "TimeoutError"
    assert explain(KeyError("apiserver.key"), "/state") == "KeyError: 'apiserver.key'"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("free", [0, 4, 12, 40, 80])
def test_a_full_disk_is_named_wherever_it_stops_a_start(small: Path, free: int) -> None:
    place = Place(small / "home")
    (small / "big").write_bytes(bytes((1024 - free) * 1024 - 8192) if free else b"")
    if not free:
        with (small / "big").open("ab", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
    message = place.up()
    try:
        assert command_in(message, small).startswith("df -h")
        mend(command_in(message, small))
        (small / "big").unlink()
        subprocess.run(["mount", "-o", "remount,size=32m", small], check=True)
        assert place.up() == ""
    finally:
        place.end()


@needs_root
def test_a_read_only_state_directory_is_named(place: Place) -> None:
    assert place.up() == ""
    place.end()
    for command in (["mount", "--bind"], ["mount", "-o", "remount,bind,ro"]):
        subprocess.run([*command, *([place.home] * (2 if "--bind" in command else 1))], check=True)
    try:
        assert command_in(place.up(), place.directory).startswith("findmnt")
    finally:
        subprocess.run(["umount", place.home], check=True)
    assert place.up() == ""


def test_a_port_that_is_in_use_is_named(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        message = place.up()
    assert f"port {place.port}" in message
    assert f"ss -ltnp sport = :{place.port}" in message
    assert place.up() == ""


@pytest.mark.parametrize("delay", [0.15, 0.3, 0.45, 0.6])
def test_up_after_an_up_that_was_killed(place: Place, delay: float) -> None:
    command = [sys.executable, "-m", "sampan.cli.app", "up", "--name", "x", "--control-plane-only"]
    words = [*command, "--listen", "127.0.0.1", "--api-port", str(place.port)]
    with subprocess.Popen(words, env=place.environment, stdout=subprocess.DEVNULL) as first:
        try:
            first.wait(delay)
        except subprocess.TimeoutExpired:
            first.send_signal(signal.SIGKILL)
    assert place.up() == ""
    assert "certificate-authority-data" in (place.home / "config").read_text()


# Time


def test_the_table_accounts_for_every_second(place: Place) -> None:
    said = place.sampan("up", "--control-plane-only", "--listen", "127.0.0.1", "--api-port", str(place.port)).stdout
    lines = [float(seconds) for seconds in re.findall(r"^  .* (\d+\.\d\d) s$", said, re.M)]
    ready = re.search(r"ready after (\d+\.\d\d) s", said)
    assert ready is not None, said
    assert sum(lines) == pytest.approx(float(ready[1]), abs=0.001)
    assert "server loaded" in said and "kubeconfig" in said


# Modes


def test_a_directory_that_was_open_to_others_is_closed(place: Place) -> None:
    assert place.up() == ""
    assert place.sampan("down").returncode == 0
    kept = [place.directory, *place.directory.iterdir(), *(place.directory / "pki").iterdir()]
    for path in kept:
        path.chmod(0o777)
    assert place.up() == ""
    assert [path for path in kept if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077] == []


# Ending


def test_delete_leaves_the_kubeconfigs_that_up_wrote(place: Place, tmp_path: Path) -> None:
    first = place.environment["KUBECONFIG"]
    assert place.up() == ""
    second = place.environment["KUBECONFIG"] = str(tmp_path / "second")
    assert place.up() == ""
    for file in (first, second):
        assert "name: x" in Path(file).read_text()
    place.environment["KUBECONFIG"] = str(tmp_path / "third")
    assert place.sampan("delete").returncode == 0
    for file in (first, second):
        assert "name: x" not in Path(file).read_text()
    assert not (tmp_path / "third").exists()


def test_removing_much_tells_how_far_it_is(tmp_path: Path) -> None:
    tree, said = tmp_path / "tree", list[str]()
    for folder in range(3):
        (tree / str(folder)).mkdir(parents=True)
        for number in range(400):
            (tree / str(folder) / str(number)).write_bytes(b"x")
    (tree / "link").symlink_to(tmp_path, target_is_directory=True)
    (tree / "dangling").symlink_to("nowhere")
    ticks = iter(range(10_000))
    remove_tree(tree, said.append, now=lambda: next(ticks) * INTERVAL / 500)
    assert said[0].startswith("removing 1,201 files")
    assert re.fullmatch(r"\d+ of 1,201 files are gone", said[1])
    assert tmp_path.exists() and not tree.exists()


def test_a_server_that_runs_is_not_yet_a_server_that_is_ready(place: Place) -> None:
    assert place.up() == ""
    pid = process.server_pid(place.config)
    assert pid is not None
    assert process.wait_ready(place.config, pid)
    (place.directory / "server.ready").unlink()
    place.end()
    assert not process.wait_ready(place.config, pid)


def test_a_directory_of_sockets_is_closed_however_it_was_found(tmp_path: Path) -> None:
    for found in (tmp_path / "new", tmp_path / "open"):
        if found.name == "open":
            found.mkdir()
            found.chmod(0o777)
        private_directory(found)
        assert stat.S_IMODE(found.stat().st_mode) == 0o700


POLICY = '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "None"}]}'
ANONYMOUS = '{"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}'
ENCRYPTION = (
    '{"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration",'
    ' "resources": [{"resources": ["secrets"], "providers": [{"identity": {}}]}]}'
)


@pytest.mark.parametrize("damage", ["removed", "garbage"])
@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--audit-policy-file", POLICY),
        ("--authentication-config", ANONYMOUS),
        ("--encryption-provider-config", ENCRYPTION),
    ],
)
def test_a_file_that_a_flag_has_named_is_named_with_the_way_to_do_without(
    homes: Path, flag: str, text: str, damage: str
) -> None:
    file = homes / "file"
    file.write_text(text)
    words = ["up", "--control-plane-only", "--kubeconfig", str(homes / "kubeconfig")]
    parser = app.parser()
    settle(wishes_of(parser.parse_args([*words, flag, str(file)])))
    if damage == "removed":
        file.unlink()
    else:
        file.write_text("a: [")
    with pytest.raises(LifecycleError) as refused:
        settle(wishes_of(parser.parse_args(words)))
    command = command_in(str(refused.value), file)
    assert command == f"sampan up --name sampan {flag} ''"
    settle(wishes_of(parser.parse_args([*words, flag, ""])))
