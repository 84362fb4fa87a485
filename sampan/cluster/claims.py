"""Which clusters have something on this machine, whatever home directory keeps them: a note for each below /run.

A node's table, cgroups, addresses and CNI results go by the cluster's name and ranges, so neither may be in use twice,
even where SAMPAN_HOME differs. A note is a copy of cluster.json: a cluster whose state directory was deleted or damaged
can still be taken down by it. A reboot clears the notes along with what they stand for. Called by lifecycle.py and the
commands that look for clusters; a control plane without a node claims nothing.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from sampan.cluster.config import ClusterConfig, ConfigError, load, parse

DIRECTORY = Path("/run/sampan/clusters")


class Claimed(Exception):
    """Another cluster of this name has something on this machine; the attribute `by` is its configuration."""

    def __init__(self, by: ClusterConfig) -> None:
        super().__init__(f"a cluster {by.name} is on this machine already, kept in {by.state}")
        self.by = by


def claim(config: ClusterConfig) -> None:
    """Note the cluster, or renew its note; raises Claimed, OSError."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    path = DIRECTORY / f"{config.name}.json"
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(config.text())
    try:
        os.link(draft, path)  # unlike a rename it never replaces
    except FileExistsError:
        holder = _read(path)
        if holder is not None and holder.state != config.state:
            raise Claimed(holder) from None
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def release(config: ClusterConfig) -> None:
    """Nothing of the cluster is left on this machine."""
    path = DIRECTORY / f"{config.name}.json"
    holder = _read(path)
    if holder is None or holder.state == config.state:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # no root, no claim
            path.unlink()


def claims() -> Iterator[ClusterConfig]:
    """All that is noted, by name."""
    for path in sorted(DIRECTORY.glob("*.json")):
        if found := _read(path):
            yield found


def recall(directory: Path) -> ClusterConfig | None:
    """The cluster of a state directory, by its note where its cluster.json is gone or damaged; raises ConfigError."""
    noted = next((config for config in claims() if config.directory == directory), None)
    try:
        return load(directory) or noted
    except ConfigError:
        if noted is None:
            raise
        return noted


def forgotten() -> Iterator[ClusterConfig]:
    """Clusters that are on this machine although their state directories no longer say so."""
    for config in claims():
        try:
            lost = load(config.directory) is None
        except (ConfigError, PermissionError):
            lost = False
        if lost:
            yield config


def _read(path: Path) -> ClusterConfig | None:
    """A note; None if it is gone, or was never finished."""
    try:
        return parse(path.read_text(), path)
    except (FileNotFoundError, ConfigError):
        return None
