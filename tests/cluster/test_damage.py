"""Every file of a state directory removed, emptied, overwritten, or a directory in its place: a start heals it, or says
in one message which file it is and by what command it is mended. And it is."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.cluster.components import control_plane
from sampan.cluster.config import ClusterConfig, load
from sampan.cluster.start_errors import explain
from sampan.reconcile.clock import SystemClock
from tests.cluster.place import Place, command_in, mend

NOBODY = 65534  # Debian's user without rights
GARBAGE = b"\x00\xff\x13garbage" * 40


def _a_directory(path: Path) -> None:
    path.unlink()
    (path / "within").mkdir(parents=True)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "removed": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(GARBAGE),
    "directory": _a_directory,
}
PAIRS = (
    "admin",
    "apiserver",
    "apiserver-kubelet-client",
    "ca",
    "front-proxy-ca",
    "front-proxy-client",
    "kubelet",
)
KEYS = [f"pki/{name}.{suffix}" for name in PAIRS for suffix in ("crt", "key")] + ["pki/sa.key"]
STORE = ["store.db", "store.db-wal", "store.db-end", "store.db-reserve"]
OF_COMMANDS = ["cluster.json", "command.lock", "kubeconfig"]
OF_THE_SERVER = ["server.lock", "server.log", "server.pid", "server.ready", "server.start"]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose server was killed: all its files are there, the write-ahead log among them."""
    place = Place(tmp_path_factory.mktemp("killed"))
    assert place.up() == ""
    place.end()
    there = {str(path.relative_to(place.directory)) for path in place.directory.rglob("*") if path.is_file()}
    assert there == {*KEYS, *STORE, *OF_COMMANDS, *OF_THE_SERVER}  # or a new one needs a line above
    yield place


@pytest.fixture
def place(killed: Place, tmp_path: Path) -> Iterator[Place]:
    """A copy of it, with a port of its own."""
    place = Place(tmp_path)
    shutil.copytree(killed.directory, place.directory)
    known = json.loads((place.directory / "cluster.json").read_text())
    own = {"state": str(place.directory), "api_port": place.port, "kubeconfigs": []}
    (place.directory / "cluster.json").write_text(json.dumps(known | own))
    yield place
    place.end()


async def opened(config: ClusterConfig) -> str:
    """Start a control plane in this process, and end it; what stands in the way."""
    try:
        async with control_plane(config, SystemClock(), lambda step: None):
            return ""
    except Exception as error:  # noqa: BLE001 - as the server does
        return explain(error, config.state)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", KEYS + STORE)
async def test_what_the_server_keeps(place: Place, name: str, damage: str) -> None:
    DAMAGES[damage](place.directory / name)
    message = await opened(place.config)
    if message:
        mend(command_in(message, place.directory / name.removesuffix("-wal")))
        assert await opened(place.config) == ""


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", OF_COMMANDS + OF_THE_SERVER)
def test_what_commands_keep(place: Place, name: str, damage: str) -> None:
    DAMAGES[damage](place.directory / name)
    message = place.up()
    if message:
        mend(command_in(message, place.directory / name))
        assert place.up() == ""


@pytest.mark.parametrize("name", ["admin", "apiserver", "apiserver-kubelet-client", "front-proxy-client", "kubelet"])
@pytest.mark.parametrize("damage", ["removed", "emptied", "garbage"])
async def test_what_an_authority_has_signed_heals(place: Place, name: str, damage: str) -> None:
    for suffix in ("crt", "key"):
        DAMAGES[damage](place.directory / "pki" / f"{name}.{suffix}")
        assert await opened(place.config) == ""


@pytest.mark.parametrize("damage", ["removed", "emptied", "garbage"])
async def test_the_certificate_of_an_authority_heals_and_what_it_signed_stays(place: Place, damage: str) -> None:
    before = (place.directory / "pki" / "admin.crt").read_bytes()
    DAMAGES[damage](place.directory / "pki" / "ca.crt")
    assert await opened(place.config) == ""
    assert (place.directory / "pki" / "admin.crt").read_bytes() == before


@pytest.fixture
def nobody(place: Place) -> Iterator[Path]:
    """The state directory where a user without privileges gets to it, who is this process meanwhile."""
    if os.geteuid() != 0:
        yield place.directory
        return
    with tempfile.TemporaryDirectory() as folder:
        kept = shutil.move(place.directory, Path(folder) / "x")
        known = json.loads((kept / "cluster.json").read_text())
        (kept / "cluster.json").write_text(json.dumps(known | {"state": str(kept)}))
        for path in (Path(folder), kept, *kept.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield kept
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("name", [*KEYS, *(name for name in STORE if name != "store.db-reserve")])
async def test_what_may_not_be_read(nobody: Path, name: str) -> None:
    config = load(nobody)
    assert config is not None
    assert await opened(config) == ""  # so that all modules are loaded, where only root can read them
    config = config.with_changes(api_port=0)
    if not (nobody / name).exists():  # a server that ends in order leaves no write-ahead log
        (nobody / name).touch()
    (nobody / name).chmod(0)
    message = await opened(config)
    if message:
        mend(command_in(message, nobody / name.removesuffix("-wal")))
        assert await opened(config) == ""


@pytest.mark.parametrize("damage", ["garbage", "directory"])
@pytest.mark.parametrize("name", [*OF_COMMANDS, *OF_THE_SERVER, "pki/ca.crt", "store.db"])
def test_what_can_not_be_read_can_be_deleted(place: Place, name: str, damage: str) -> None:
    DAMAGES[damage](place.directory / name)
    done = place.sampan("delete")
    if done.returncode and "there is no cluster" not in done.stderr:
        mend(command_in(done.stderr, place.directory / name))
        done = place.sampan("delete")
    assert "Traceback" not in done.stderr
    assert not place.directory.exists() or "there is no cluster" in done.stderr
