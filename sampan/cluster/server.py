"""The server process: one cluster's control plane and its node, assembled and run until it is told to stop.

    python -m sampan.cluster.server STATE_DIRECTORY [--progress-fd N]

Started by process.py. Reads top to bottom: what is opened, what runs, what is waited for. A stop (TERM, INT) ends this
process only; containers and the network stay, so that a restart disturbs no pod. `sampan down` removes those.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from sampan.cluster import components, process
from sampan.cluster.config import ClusterConfig, load

log = logging.getLogger("sampan")


class Steps:
    """Tells whoever started us how far we are: JSON lines on a pipe that may be closed at any time."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._began = time.monotonic()

    def done(self, step: str, error: str = "") -> None:
        """A step is done, so many seconds after the start."""
        seconds = round(time.monotonic() - self._began, 3)
        log.info("%s after %.3f s %s", step, seconds, error)
        if self._descriptor is not None:
            line = json.dumps({"step": step, "seconds": seconds, "error": error}) + "\n"
            with contextlib.suppress(BrokenPipeError):
                os.write(self._descriptor, line.encode())

    def close(self) -> None:
        """No more steps."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


async def serve(config: ClusterConfig, steps: Steps) -> None:
    """Run the cluster until TERM or INT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if not config.control_plane_only:
        await components.node_network(config, steps.done)
    async with contextlib.AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(components.control_plane(config, steps.done))
        running = [*components.control_plane_tasks(cluster)]
        if not config.control_plane_only:
            running += await components.node_tasks(cluster, steps.done)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(make(), name=name) for name, make in running]
            waiting = group.create_task(_until_ready(cluster, steps), name="ready")
            await stop.wait()
            for task in [*tasks, waiting]:
                task.cancel()


async def _until_ready(cluster: components.Cluster, steps: Steps) -> None:
    await components.wait_ready(cluster, steps.done)
    steps.done("ready")
    steps.close()


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
        return _run(serve(config, steps), steps.done)


def _allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one: every watch is a connection."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _run(main_task: Coroutine[Any, Any, None], report: Callable[[str, str], None]) -> int:
    try:
        uvloop.run(main_task)
    except Exception as error:
        log.exception("the server failed")
        cause = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
        report("failed", f"{type(cause).__name__}: {cause}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
