"""Runs one test with e2e.test: its output into a log, an end to it whatever happens, and the outcome read from the log.

Called by runner.py, several at once.
"""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.cluster import Cluster
from tests.conformance.names import ginkgo_focus, slug
from tests.conformance.outcome import FAILED, Outcome, read
from tests.conformance.programs import Programs

GRACE = 90.0  # seconds for Ginkgo to clean up and report once its own limit has ended a test


@dataclass(frozen=True, slots=True)
class Execute:
    """How tests are run: a function of a cluster and a test's name."""

    programs: Programs
    logs: Path
    limit: int  # seconds for one test

    async def __call__(self, cluster: Cluster, name: str) -> Outcome:
        """Run a test to its end; what it leaves running is killed."""
        log = self.logs / f"{slug(name)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command(cluster, name),
                cwd=cluster.directory,
                env=os.environ | {"HOME": str(cluster.directory)},  # where kubectl keeps what it discovers
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            ended = await _wait(process, self.limit + GRACE)
        said = log.read_text(errors="replace")
        return read(said) if ended else Outcome(FAILED, f"killed: no end after {self.limit} s")

    def _command(self, cluster: Cluster, name: str) -> list[str]:
        return [
            str(self.programs["e2e.test"]),
            "--provider=local",
            f"--kubeconfig={cluster.kubeconfig}",
            f"--kubectl-path={self.programs['kubectl']}",
            "--disable-log-dump=true",
            "--ginkgo.no-color",
            f"--ginkgo.timeout={self.limit}s",
            f"--ginkgo.focus={ginkgo_focus(name)}",
        ]


async def _wait(process: asyncio.subprocess.Process, limit: float) -> bool:
    """Whether the process ended by itself; its whole session is killed afterwards, so that no child outlives it."""
    try:
        async with asyncio.timeout(limit):
            await process.wait()
        return True
    except TimeoutError:
        return False
    finally:
        _kill_session(process.pid)
        await process.wait()


def _kill_session(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # all have ended
        os.killpg(leader, signal.SIGKILL)
