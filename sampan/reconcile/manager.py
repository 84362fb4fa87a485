"""Runs controllers together: one set of shared informers, one task group, one answer to "are you ready?".

Called by controllers/app.py. If a controller's own machinery fails (not a reconciliation: those are retried), the whole
group ends with that error.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from sampan.client.informer import Informers
from sampan.reconcile.controller import Controller


async def run_together(
    controllers: Sequence[Controller], informers: Informers, ready: asyncio.Event | None = None
) -> None:
    """Run until cancelled; `ready` is set when every controller has synced."""
    waiting = {controller.name for controller in controllers}

    def synced(name: str) -> None:
        waiting.discard(name)
        if not waiting and ready is not None:
            ready.set()

    async with asyncio.TaskGroup() as group:
        informers.run(group)
        for controller in controllers:
            group.create_task(controller.run(partial(synced, controller.name)), name=controller.name)
