"""A cluster's life as `sampan` commands see it: bring it up, take it down, delete it. Its configuration: settle.py.

Everything here runs in the command's own process; what runs the cluster is server.py. Taking down never needs the
server: it works the same after a kill -9.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sampan.client.kubeconfig import KubeconfigError, default_write_path, merge_cluster, remove_cluster
from sampan.cluster import process
from sampan.cluster.claims import release
from sampan.cluster.config import ClusterConfig, home
from sampan.cluster.removal import remove_tree

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


def start(config: ClusterConfig, report: Say) -> bool:
    """Start the server unless it runs, telling each step when it is done; return whether it was started. The cluster is
    ready then. Raises LifecycleError, OSError."""
    try:
        running = process.server_pid(config)
        if running is not None and process.wait_ready(config, running):
            report("running server ready")
            return False
        for progress in process.start(config):
            report(progress.step)
    except process.StartError as error:
        raise LifecycleError(f"the server did not start:\n{error}\nIts log: {config.directory}/server.log") from None
    return True


def kubeconfig_path(config: ClusterConfig) -> Path:
    """The kubeconfig file that this cluster is merged into."""
    return (Path(config.kubeconfig) if config.kubeconfig else default_write_path()).absolute()


def write_kubeconfig(config: ClusterConfig) -> Path:
    """Merge the cluster into the user's kubeconfig and make it the current context; raises LifecycleError."""
    pki = config.directory / "pki"
    path = kubeconfig_path(config)
    parts = [(pki / file).read_bytes() for file in ("ca.crt", "admin.crt", "admin.key")]
    own = config.directory / "kubeconfig"
    try:
        merge_cluster(own, config.name, config.server_url, *parts)
    except KubeconfigError:  # whatever stands there instead
        own.replace(own.with_name("kubeconfig.damaged"))
        merge_cluster(own, config.name, config.server_url, *parts)
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
        tear_down(config, say)
    release(config)
    process.forget(config)


def delete(config: ClusterConfig, say: Say) -> None:
    """down, then forget everything: the state directory, and the entries in the kubeconfigs that `up` wrote."""
    down(config, say)
    remove_tree(config.directory, say)
    link = home() / config.name
    if link.is_symlink():
        link.unlink()
    # last: what is wrong with these files must keep nothing here, nor in the others of them
    files = config.kubeconfigs or [str(kubeconfig_path(config))]
    problems = [problem for file in files if (problem := _leave(Path(file), config))]
    if problems:
        raise LifecycleError("\n".join([f"cluster {config.name} is deleted, but still has entries:", *problems]))


def _leave(path: Path, config: ClusterConfig) -> str:
    """Remove the cluster from a kubeconfig; what is wrong with it, and what to do then."""
    try:
        remove_cluster(path, config.name)
    except (KubeconfigError, OSError) as error:
        mended = f"kubectl --kubeconfig {path} config delete-context {config.name}"
        return f"{error}\nOnce {path} is mended:\n    {mended}"
    return ""
