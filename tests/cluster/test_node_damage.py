"""What a node keeps in the state directory, damaged: a start heals it, or says how it is mended. See test_damage.py."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.cluster.config import home
from tests.cluster.place import Place, command_in, mend
from tests.cluster.test_damage import DAMAGES

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]

FILES = (
    "network/net.d/10-sampan.conflist",
    "registries/_default/hosts.toml",
    "containerd/config.toml",
    "containerd/containerd.log",
)
DATABASES = ("io.containerd.metadata.v1.bolt/meta.db", "io.containerd.snapshotter.v1.overlayfs/metadata.db")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """In the home of the shared cluster: the addresses of one that is down are then nobody else's, another worker's
    neither."""
    place = Place(home(), f"damaged-{os.getpid()}", node=True)
    assert place.up() == ""
    yield place
    done = place.sampan("delete")
    assert (done.returncode, place.directory.exists()) == (0, False), done.stderr


def up_again(place: Place, path: Path, damage: str, named: Path) -> None:
    """Damage a file of a cluster that is down, as after a power loss, and start it."""
    assert place.sampan("down").returncode == 0
    if not path.exists():  # it is made anew each time, and was taken away with the node
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    DAMAGES[damage](path)
    message = place.up()
    if message:
        mend(command_in(message, named))
        assert place.up() == ""


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_nodes_files(place: Place, name: str, damage: str) -> None:
    up_again(place, place.directory / name, damage, place.directory / name)


@pytest.mark.parametrize("damage", ["emptied", "garbage"])
@pytest.mark.parametrize("name", DATABASES)
def test_containerds_databases(place: Place, name: str, damage: str) -> None:
    path = place.directory / "containerd" / "root" / name
    if not path.exists():
        pytest.skip("this machine has another snapshotter")
    up_again(place, path, damage, place.directory / "containerd" / "root")


def test_the_servers_own_words_are_no_traceback_when_containerd_is_missing(place: Place) -> None:
    assert place.sampan("down").returncode == 0
    place.environment["PATH"], before = "/nowhere", place.environment["PATH"]
    try:
        assert "apt-get install -y containerd" in place.up()
    finally:
        place.environment["PATH"] = before
    assert place.up() == ""
