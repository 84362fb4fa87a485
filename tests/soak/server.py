"""The server that is soaked, in a process of its own: an API server over a store that forgets quickly.

    python -m tests.soak.server FOLDER PORT

Called by faults.py, which does to it what it likes.
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import uvloop

from sampan.apiserver.authentication.user import GROUP_MASTERS, authenticated
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.reconcile.clock import SystemClock
from sampan.storage import compactor
from sampan.storage.sqlite import SQLiteStore

TOKEN = "soak"
_EVERY, _KEPT = 1.0, 6.0  # seconds between compactions, and of history that stays


async def serve(folder: Path, port: int) -> None:
    """Until TERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        store = await SQLiteStore.open(folder / "store.db")
        stack.push_async_callback(store.close)
        key = (folder / "sa.key").read_bytes()
        tokens = {TOKEN: authenticated("soak", (GROUP_MASTERS,))}
        server = APIServer(APIServerConfig(store=store, service_account_key=key, tokens=tokens, port=port))
        await server.start()
        stack.push_async_callback(server.stop, 0.2)
        compacting = asyncio.create_task(
            compactor.run(store, SystemClock(), server.config.metrics, interval=_EVERY, keep=_KEPT)
        )
        await stop.wait()
        compacting.cancel()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
