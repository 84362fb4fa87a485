"""The server process from outside: start it detached, find it, stop it.

A pid file alone can point to a stranger after a reboot, so it also keeps the process's start time. Called by up, down,
delete and status; the process itself is server.py.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sampan.cluster.config import ClusterConfig
from sampan.cluster.log_files import open_log

READY = "cluster ready"  # a start's last step
_MODULE = "sampan.cluster.server"
STEP_PATIENCE = 60.0  # seconds in which each step of a start must be done


@dataclass(frozen=True, slots=True)
class Progress:
    """One line of the server's start: a step done, the last of them READY, or a failure."""

    step: str
    error: str = ""


class StartError(Exception):
    """The server ended before the cluster was ready; the text is its last words."""


def start_time(pid: int) -> str:
    """When a process began, in clock ticks since boot; "" if there is no such process (proc(5), field 22)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] == "Z" else fields[19]


def write_pid(config: ClusterConfig) -> None:
    """Note this process as the cluster's server."""
    (config.directory / "server.pid").write_text(f"{os.getpid()}\n")
    (config.directory / "server.start").write_text(start_time(os.getpid()))


def note_ready(config: ClusterConfig) -> None:
    """Note that this server, of all that there have been, has made the cluster ready."""
    (config.directory / "server.ready").write_text(start_time(os.getpid()))


def forget(config: ClusterConfig) -> None:
    """No server runs any more."""
    for name in ("server.pid", "server.start", "server.ready"):
        (config.directory / name).unlink(missing_ok=True)


def wait_ready(config: ClusterConfig, pid: int) -> bool:
    """Wait for a running server, which somebody else may have started a moment ago; False if it ends before it is
    ready. Raises StartError when that takes too long."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    deadline = time.monotonic() + STEP_PATIENCE
    try:
        while not _is_ready(config, pid):
            if select.select([handle], [], [], 0.05)[0]:
                return False
            if time.monotonic() > deadline:
                raise StartError(_too_long(config.directory / "server.log"))
        return True
    finally:
        os.close(handle)


def _is_ready(config: ClusterConfig, pid: int) -> bool:
    try:
        return (config.directory / "server.ready").read_text() == start_time(pid)
    except FileNotFoundError:
        return False


def server_pid(config: ClusterConfig) -> int | None:
    """The running server's process id; None if it does not run."""
    try:
        pid = int((config.directory / "server.pid").read_text())
        started = (config.directory / "server.start").read_text()
    except (OSError, ValueError):  # whatever stands there instead, it names no process
        return _unnoted(config)
    return pid if started and start_time(pid) == started else _unnoted(config)


def _unnoted(config: ClusterConfig) -> int | None:
    """A server that has not noted itself yet, or whose note was removed: known by its arguments."""
    from sampan.cluster.processes import find  # not at the top: it costs `sampan status` what is rarely needed

    command = ["-m", _MODULE, config.state]
    return next((pid for pid in find(lambda words: list(words[1:4]) == command) if start_time(pid)), None)


def start(config: ClusterConfig) -> Iterator[Progress]:
    """Start the server detached; yield its progress until "ready". Raises StartError if it ends before."""
    reader, writer = os.pipe()
    log = config.directory / "server.log"
    with os.fdopen(open_log(log), "ab") as output, os.fdopen(reader, "rb", buffering=0) as progress:
        mark = log.stat().st_size
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, config.state, "--progress-fd", str(writer)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[writer],
            start_new_session=True,
            cwd="/",
        )
        os.close(writer)
        yield from _follow(process, progress, log, mark)


def _follow(process: "subprocess.Popen[bytes]", progress: IO[bytes], log: Path, mark: int) -> Iterator[Progress]:
    buffer = b""
    while data := _read(progress, log):
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            report = Progress(**json.loads(line))
            if report.error:
                raise StartError(report.error)
            yield report
            if report.step == READY:
                return
    process.wait()
    words = log.read_bytes()
    said = (words[mark:] or words).decode(errors="replace").strip().splitlines()  # all, where it is a new file by now
    raise StartError("\n".join(said[-20:]) or f"the server exited with {process.returncode} and said nothing")


def _read(progress: IO[bytes], log: Path) -> bytes:
    """What the server reports next; raises StartError when it reports nothing for too long."""
    if not select.select([progress], [], [], STEP_PATIENCE)[0]:
        raise StartError(_too_long(log))
    return progress.read(65536)


def _too_long(log: Path) -> str:
    said = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
    return f"nothing has happened for {STEP_PATIENCE:.0f} s; it still runs. Its last words:\n{said}"


def stop(pid: int, *, grace: float = 30) -> bool:
    """TERM, then KILL after `grace` seconds; return whether TERM was enough. Waits by pidfd, without polling."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        signal.pidfd_send_signal(handle, signal.SIGCONT)  # or a process that is stopped would not notice
        if select.select([handle], [], [], grace)[0]:
            return True
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], grace)
        return False
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)
