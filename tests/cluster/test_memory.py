"""Memory that was used is given back."""

import asyncio
import multiprocessing
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from sampan.cluster import memory


def _grown_and_given_back(pipe: Connection) -> None:
    memory.configure()

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    async def work() -> None:
        before, rounds = resident(), 0
        blocks = [bytearray(b"x" * 5000) for _ in range(40_000)]
        kept = blocks[::1000]  # here and there, so that nothing is free at the end of the heap
        grown = resident()
        del blocks

        async def tick(seconds: float) -> None:
            nonlocal rounds
            rounds += 1
            if rounds > 2:
                raise asyncio.CancelledError
            await asyncio.sleep(0)

        with suppress(asyncio.CancelledError):
            await memory.give_back(tick)
        pipe.send((before, grown, resident(), len(kept)))

    asyncio.run(work())


def test_what_was_used_is_given_back() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_grown_and_given_back, args=(theirs,))
    process.start()
    before, grown, after, kept = ours.recv()
    process.join()
    assert kept == 40
    assert grown - before > 150 << 20
    assert after - before < (grown - before) / 4
