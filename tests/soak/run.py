"""One run: a server, clients, watchers and faults for some time, and then the judgement.

    python -m tests.soak.run [--seconds N] [--seed N]

`make soak` is an hour of it, test_soak.py a little.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random, randrange

from sampan.kinds.core.namespace import KIND as NAMESPACE_KIND
from tests.soak.checks import violations
from tests.soak.faults import Faults, Server, disk, keep_happening
from tests.soak.history import History
from tests.soak.traffic import NAMESPACE, Traffic

CLIENTS, WATCHERS = 8, 4
_CATCH_UP = 60.0  # seconds that watchers have to see what was written last
_SHOWN = 20  # broken promises


async def soak(folder: Path, seconds: float, seed: int) -> History:
    """What happened; the server has ended."""
    with disk(folder) as faults:
        server = Server(folder)
        await server.start()
        try:
            return await _run(server, faults, seconds, Random(seed))
        finally:
            await server.end()


async def _run(server: Server, faults: Faults, seconds: float, random: Random) -> History:
    history, enough = History(), asyncio.Event()
    traffic = Traffic(history, random)
    last: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        clients = [await stack.enter_async_context(server.client()) for _ in range(CLIENTS + WATCHERS)]
        await clients[0].create(NAMESPACE_KIND, {"metadata": {"name": NAMESPACE}})
        for client in clients[CLIENTS:]:
            group.create_task(traffic.watch(client, last))
        others = [group.create_task(traffic.work(client)) for client in clients[:CLIENTS]]
        happening = group.create_task(keep_happening(server, faults, random, history.faults.append, enough))
        await asyncio.sleep(seconds)
        enough.set()
        await happening
        for task in others:
            task.cancel()
        await asyncio.wait(others)
        async with asyncio.timeout(_CATCH_UP):
            last.set_result(await traffic.last(clients[0]))
    return history


def main() -> int:
    """Run and judge; how many promises were broken, 100 at most."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=randrange(1 << 30))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sampan-soak-") as name:
        history = asyncio.run(soak(Path(name), arguments.seconds, arguments.seed))
    broken = violations(history)
    print(json.dumps({"seed": arguments.seed, **told(history), "broken": len(broken)}))
    for text in broken[:_SHOWN]:
        print(text, file=sys.stderr)
    return min(len(broken), 100)


def told(history: History) -> dict[str, object]:
    """How much of what there was."""
    return {
        "writes": dict(Counter(write.outcome for write in history.writes)),
        "reads": len(history.reads) + len(history.lists),
        "watches": len(history.watches),
        "events": sum(len(watch.events) for watch in history.watches),
        "faults": dict(Counter(history.faults)),
    }


if __name__ == "__main__":
    sys.exit(main())
