"""A cluster's life as `sampan` commands see it: bring it up, take it down, delete it. Its configuration: settle.py.

Everything here runs in the command's own process; what runs the cluster is server.py. Taking down never needs the
server: it works the same after a kill -9.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sampan.client.kubeconfig import KubeconfigError, default_write_path, merge_cluster, remove_cluster
from sampan.cluster import process
from sampan.cluster.claims import release
from sampan.cluster.config import ClusterConfig, home

Say = Callable[[str], None]


class LifecycleError(Exception):
    """What is wrong, and the command that mends it."""


@contextmanager
def exclusive(config: ClusterConfig) -> Iterator[None]:
    """Hold the cluster against another `up`, `down` or `delete` at the same time; raises LifecycleError."""
    config.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(config.directory / "command.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise LifecycleError(f"another sampan command is working on cluster {config.name}; wait for it") from None
    finally:
        os.close(descriptor)


def start(config: ClusterConfig, report: Callable[[process.Progress], None]) -> bool:
    """Start the server unless it runs; return whether it was started. Raises LifecycleError."""
    if process.server_pid(config) is not None:
        return False
    try:
        for progress in process.start(config):
            report(progress)
    except process.StartError as error:
        raise LifecycleError(f"the server did not start:\n{error}\nIts log: {config.directory}/server.log") from None
    return True


def kubeconfig_path(config: ClusterConfig) -> Path:
    """The kubeconfig file that this cluster is merged into."""
    return Path(config.kubeconfig) if config.kubeconfig else default_write_path()


def write_kubeconfig(config: ClusterConfig) -> Path:
    """Merge the cluster into the user's kubeconfig and make it the current context; raises LifecycleError."""
    pki = config.directory / "pki"
    path = kubeconfig_path(config)
    parts = [(pki / file).read_bytes() for file in ("ca.crt", "admin.crt", "admin.key")]
    merge_cluster(config.directory / "kubeconfig", config.name, config.server_url, *parts)
    try:
        merge_cluster(path, config.name, config.server_url, *parts)
    except (KubeconfigError, OSError) as error:
        raise LifecycleError(
            f"cluster {config.name} runs, but is not in {path}:\n{error}\n"
            f"Use its own kubeconfig:\n    export KUBECONFIG={config.directory}/kubeconfig"
        ) from None
    return path


def down(config: ClusterConfig, say: Say) -> None:
    """Stop the server, the containers and all that was made on this machine. Objects stay in the state directory."""
    pid = process.server_pid(config)
    if pid is not None:
        say("stopping the server")
        if not process.stop(pid):
            say("the server did not stop in time and was killed; its store is safe")
    if not config.control_plane_only:
        from sampan.cluster.node import tear_down

        say("stopping containers, removing the network")
        tear_down(config)
    release(config)
    for name in ("server.pid", "server.start"):
        (config.directory / name).unlink(missing_ok=True)


def delete(config: ClusterConfig, say: Say) -> None:
    """down, then forget everything: the state directory and the kubeconfig entries."""
    down(config, say)
    shutil.rmtree(config.directory, onerror=_unless_gone)
    link = home() / config.name
    if link.is_symlink():
        link.unlink()
    try:
        remove_cluster(kubeconfig_path(config), config.name)
    except (KubeconfigError, OSError) as error:  # last: what is wrong with that file must keep nothing here
        raise LifecycleError(
            f"cluster {config.name} is deleted, but its entries may still be in your kubeconfig:\n{error}\n"
            f"Once that file is mended:\n    kubectl config delete-context {config.name}"
        ) from None


def _unless_gone(function: object, path: str, info: tuple[type[BaseException], BaseException, object]) -> None:
    """Another process of the cluster's may have removed it first."""
    if not isinstance(info[1], FileNotFoundError):
        raise info[1]
