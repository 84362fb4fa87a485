"""What happens to the server while it is used: killed, stopped for a while, ended in order, its disk full.

Called by run.py.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from random import Random

from sampan.client.api import Client
from sampan.client.https import HTTPSTransport
from sampan.client.kubeconfig import Access
from tests.apiserver.pki import signing_key
from tests.soak.server import TOKEN

_PATIENCE = 30.0  # seconds until a server must be ready
_OF_A_REQUEST = 10.0  # seconds
_DISK = "96m"


class Server:
    """The process, and where it keeps its state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder.with_suffix(".log")  # not on the disk that is filled
        (folder / "sa.key").write_bytes(signing_key())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """A client over connections of its own."""
        access = Access(f"http://127.0.0.1:{self.port}", token=TOKEN)
        client = Client(HTTPSTransport(access, timeout=_OF_A_REQUEST))
        try:
            yield client
        finally:
            await client.close()

    async def start(self) -> None:
        """Returns when it is ready."""
        words = ("-m", "tests.soak.server", str(self.folder), str(self.port))
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=log, stderr=log)
        async with asyncio.timeout(_PATIENCE), self.client() as client:
            while True:
                with suppress(OSError, EOFError):
                    await client.transport.request("GET", "/version")
                    break
                assert self._process.returncode is None, self._log.read_text()
                await asyncio.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """To the process, which must be there: nothing but we may end it."""
        assert self._process is not None
        assert self._process.returncode is None, self._log.read_text()[-5000:]
        self._process.send_signal(number)

    async def ended(self) -> None:
        """Returns when the process has gone."""
        assert self._process is not None
        async with asyncio.timeout(_PATIENCE):
            await self._process.wait()

    async def end(self) -> None:
        """For good, whatever state it is in."""
        if self._process is not None and self._process.returncode is None:
            self.signal(signal.SIGKILL)
            await self.ended()


async def kill(server: Server, random: Random) -> None:
    """-9, and up again."""
    server.signal(signal.SIGKILL)
    await server.ended()
    await server.start()


async def end(server: Server, random: Random) -> None:
    """In order, and up again."""
    server.signal(signal.SIGTERM)
    await server.ended()
    await server.start()


async def pause(server: Server, random: Random) -> None:
    """Stopped for a while."""
    server.signal(signal.SIGSTOP)
    await asyncio.sleep(random.uniform(0.1, 2.0))
    server.signal(signal.SIGCONT)


async def fill(server: Server, random: Random) -> None:
    """A full disk for a while; what is kept for deletions and compaction stays."""
    ballast = server.folder / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    await asyncio.sleep(random.uniform(0.2, 2.0))
    ballast.unlink()


Faults = dict[Callable[[Server, Random], Awaitable[None]], int]  # how often each happens
ANYWHERE: Faults = {kill: 6, end: 1, pause: 2}
ON_OWN_DISK: Faults = {**ANYWHERE, fill: 2}


@contextmanager
def disk(folder: Path) -> Iterator[Faults]:
    """A small disk at `folder` where we may make one; which faults are possible then, and how often they happen."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mounting, check=False, capture_output=True).returncode:
        yield ANYWHERE
        return
    try:
        yield ON_OWN_DISK
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def keep_happening(
    server: Server, faults: Faults, random: Random, happened: Callable[[str], None], enough: asyncio.Event
) -> None:
    """One fault after another, until there have been enough; the server is up then."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(0.5, 4.0)):
                await enough.wait()
                return
        (fault,) = random.choices(list(faults), list(faults.values()))
        await fault(server, random)
        happened(fault.__name__)
