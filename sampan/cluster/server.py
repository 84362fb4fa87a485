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

from sampan.cluster import collector, process
from sampan.cluster.config import ClusterConfig, load
from sampan.cluster.steps import Steps

log = logging.getLogger("sampan")


def main() -> int:
    """The process's entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--progress-fd", type=int)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    config = load(arguments.state)
    if config is None:
        parser.error(f"{arguments.state} holds no cluster")
    _allow_many_connections()
    steps = Steps(arguments.progress_fd)
    with (config.directory / "server.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            steps.done("lock", error=f"cluster {config.name} already has a server")
            return 1
        process.write_pid(config)
        return _run(config, steps)


def _allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one: every watch is a connection."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _load() -> Callable[[ClusterConfig, Steps], Coroutine[Any, Any, None]]:
    """What runs the cluster, loaded here and not above: most of a start is this."""
    with collector.resting():
        from sampan.cluster.serving import serve
    return serve


def _run(config: ClusterConfig, steps: Steps) -> int:
    try:
        uvloop.run(_load()(config, steps))
    except Exception as error:
        log.exception("the server failed")
        cause = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
        steps.done("failed", f"{type(cause).__name__}: {cause}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
