"""One cluster's control plane and its node, assembled and run until the process is told to stop.

Called by server.py, which is the process. Reads top to bottom: what is opened, what runs, what is waited for.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from types import ModuleType

from sampan.cluster import collector, components, memory, process
from sampan.cluster.config import ClusterConfig
from sampan.cluster.loop_monitor import LoopMonitor, logged
from sampan.cluster.renewal import keep_renewed
from sampan.cluster.steps import Steps
from sampan.reconcile.clock import SystemClock


async def serve(config: ClusterConfig, steps: Steps) -> None:
    """Run the cluster until TERM or INT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    node = None if config.control_plane_only else _node()
    if node:
        await node.network(config, steps.done)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(LoopMonitor(logged()))
        objects = node.objects(config) if node else ()
        cluster = await stack.enter_async_context(components.control_plane(config, SystemClock(), steps.done, objects))
        running: list[components.Task] = [
            *components.control_plane_tasks(cluster),
            ("certificates", partial(keep_renewed, cluster)),
        ]
        if node:
            running += await node.tasks(cluster, steps.done)
        if config.simulate_nodes is not None:
            running += _simulated(cluster)
        waits = [partial(part.wait_ready, cluster, steps.done) for part in (components, node) if part]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(make(), name=name) for name, make in running]
            tasks.append(group.create_task(memory.give_back(), name="memory"))
            tasks.append(group.create_task(collector.look_again(), name="garbage"))
            waiting = group.create_task(_until_ready(waits, config, steps), name="ready")
            await stop.wait()
            for task in [*tasks, waiting]:
                task.cancel()


def _node() -> ModuleType:
    """The node's parts, loaded only where there is a node: they are a fifth of what a control plane alone loads."""
    from sampan.cluster import node_components

    return node_components


def _simulated(cluster: components.Cluster) -> list[components.Task]:
    """Simulated nodes, loaded only where there are or were some."""
    from sampan.cluster import simulated_components

    return simulated_components.tasks(cluster)


async def _until_ready(waits: Iterable[Callable[[], Awaitable[None]]], config: ClusterConfig, steps: Steps) -> None:
    """Tell when all is ready."""
    await asyncio.gather(*(wait() for wait in waits))
    collector.settle()
    process.note_ready(config)
    steps.done(process.READY)
    steps.close()
