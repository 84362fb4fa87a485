"""A process whose files may not grow past a limit for a while: prints what the store in argv[1] did, as JSON."""

import asyncio
import json
import resource
import sys
from pathlib import Path

from sampan.storage.protocol import StoreFull
from sampan.storage.sqlite import SQLiteStore

VALUE = b"x" * 10_000


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def main() -> None:
    store = await SQLiteStore.open(Path(sys.argv[1]))
    acknowledged, refusal = 0, ""
    limit_files(1_000_000)
    while not refusal:
        results = await asyncio.gather(
            *(store.create(f"/a/{acknowledged + n}", VALUE) for n in range(10)), return_exceptions=True
        )
        acknowledged += sum(isinstance(result, int) for result in results)
        refusal = next((str(result) for result in results if isinstance(result, StoreFull)), "")
    stuck = store.revision
    limit_files(resource.RLIM_INFINITY)
    recovered = await store.create("/b", VALUE)
    await store.close()
    print(json.dumps({"acknowledged": acknowledged, "refusal": refusal, "stuck": stuck, "recovered": recovered}))


asyncio.run(main())
