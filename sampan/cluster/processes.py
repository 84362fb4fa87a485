"""Finding, watching and ending processes that outlive Sampan, without ever hitting a stranger.

A process is known by its exact arguments (which name a file of ours), not by a number in a file that may be stale, and
is then held by a pidfd, which can't be reused (pidfd_open(2)). Called by containerd.py.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path


def find(match: Callable[[Sequence[str]], bool]) -> list[int]:
    """The ids of running processes whose arguments match; zombies have none and never do."""
    return [pid for pid in _all_pids() if match(arguments(pid))]


def arguments(pid: int) -> list[str]:
    """The arguments of a process; empty when it is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return raw.decode(errors="replace").split("\0")[:-1]


def has_children(pid: int) -> bool:
    """Whether a process is the parent of another (proc(5), stat's field 4)."""
    return any(_parent(other) == pid for other in _all_pids())


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _all_pids() -> Iterator[int]:
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                yield int(entry.name)


class Process:
    """A hold on a running process, ours or adopted. Close it, or use it as a context manager."""

    def __init__(self, pid: int, match: Callable[[Sequence[str]], bool]) -> None:
        """Raises ProcessLookupError when the process is gone, or is another one than was meant."""
        self.pid = pid
        self._fd = os.pidfd_open(pid)
        if not match(arguments(pid)):  # checked after the pidfd is held, so the answer stays true
            os.close(self._fd)
            raise ProcessLookupError(f"process {pid} is not the one that was meant")

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go; the process runs on."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)

    async def ended(self) -> None:
        """Wait until it has ended, and reap it if it is our child."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, done.set)
        try:
            await done.wait()
        finally:
            loop.remove_reader(self._fd)
        self._reap()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # adopted: process 1 does it
            os.waitpid(self.pid, os.WNOHANG)

    async def end(self, grace: float) -> None:
        """TERM, and KILL after `grace` seconds; returns when it has ended. One that is stopped goes on for that."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)
        try:
            async with asyncio.timeout(grace):
                await self.ended()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.ended()
