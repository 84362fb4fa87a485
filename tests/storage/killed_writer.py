"""A process to be killed: writes to the store in argv[1] from several tasks, compacts, and reports acknowledged writes.

One line per write on standard output, after the store has answered: revision, operation, key, value.
"""

import asyncio
import os
import sys
from pathlib import Path

from sampan.storage.protocol import Store
from sampan.storage.sqlite import SQLiteStore


def report(revision: int, operation: str, key: str, value: str) -> None:
    os.write(1, f"{revision} {operation} {key} {value}\n".encode())


async def write(store: Store, key: str) -> None:
    while True:
        found = await store.get(key)
        value = f"{key}@{store.revision}" + "." * 300
        if found is None:
            report(await store.create(key, value.encode()), "create", key, value)
        elif found.revision % 5:
            report(await store.update(key, value.encode(), found.revision), "update", key, value)
        else:
            report(await store.delete(key, found.revision), "delete", key, found.value.decode())


async def compact(store: Store) -> None:
    """Leave a history of a few hundred revisions, so that kills strike compactions too."""
    while True:
        await store.compact(max(store.revision - 300, store.compacted))
        await store.get("/")


async def main() -> None:
    store = await SQLiteStore.open(Path(sys.argv[1]))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(compact(store))
        for number in range(8):
            tasks.create_task(write(store, f"/a/{number}"))


asyncio.run(main())
