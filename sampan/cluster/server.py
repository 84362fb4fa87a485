"""The server process of one cluster: its lock, its log and its limits; what runs in it is serving.py.

    python -m sampan.cluster.server STATE_DIRECTORY [--progress-fd N]

Started by process.py. A stop (TERM, INT) ends this process only; containers and the network stay, so that a restart
disturbs no pod. `sampan down` removes those.
"""

import argparse
import fcntl
import logging
import resource
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from sampan.cluster import collector, memory, process
from sampan.cluster.config import ClusterConfig, ConfigError, load
from sampan.cluster.log_files import RotatingLog, leads_to
from sampan.cluster.private import make_private
from sampan.cluster.start_errors import explain
from sampan.cluster.steps import Steps

log = logging.getLogger("sampan")


def main() -> int:
    """The process's entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--progress-fd", type=int)
    arguments = parser.parse_args()
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=[_log_to(arguments.state / "server.log")])
    _allow_many_connections()
    memory.configure()
    steps = Steps(arguments.progress_fd)
    try:
        return _serve_alone(arguments.state, steps)
    except Exception as error:
        log.exception("the server failed")
        steps.done("failed", explain(error, str(arguments.state)))
        return 1


def _log_to(path: Path) -> logging.Handler:
    """The cluster's log, where `sampan up` has led us to it; else wherever who started us by hand wants it."""
    return RotatingLog(path) if leads_to(sys.stderr.fileno(), path) else logging.StreamHandler()


def _serve_alone(state: Path, steps: Steps) -> int:
    """Run the cluster unless another process does; raises whatever ends it."""
    config = load(state)
    if config is None:
        raise ConfigError(f"{state} holds no cluster")
    make_private(config.directory)
    with (config.directory / "server.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            steps.done("lock", error=f"cluster {config.name} already has a server")
            return 1
        process.write_pid(config)
        serve = _load()
        steps.done("server loaded")
        uvloop.run(serve(config, steps))
        return 0


def _allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one: every watch is a connection."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _load() -> Callable[[ClusterConfig, Steps], Coroutine[Any, Any, None]]:
    """What runs the cluster, loaded here and not above: most of a start is this."""
    with collector.resting():
        from sampan.cluster.serving import serve
    return serve


if __name__ == "__main__":
    sys.exit(main())
