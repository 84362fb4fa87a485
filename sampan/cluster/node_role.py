"""The role of the first node: its label says that the control plane runs beside its pods, as kubeadm marks it.

A kubelet can't say so itself, for NodeRestriction keeps it from the labels by which workloads are steered. Called by
node_components.py.
"""

import asyncio
import logging

from sampan.client.api import Client
from sampan.client.informer import Informers, Sleep
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.node import ROLE_LABEL
from sampan.machinery.errors import APIError, NotFound
from sampan.machinery.meta import Object

log = logging.getLogger(__name__)

_LABEL = f"{ROLE_LABEL}control-plane"
_AGAIN = 1.0  # seconds


async def mark_control_plane(client: Client, name: str, sleep: Sleep) -> None:
    """Label the node whenever it registers, until cancelled; who takes the label away meanwhile has it so."""
    registered = asyncio.Event()

    def look(old: Object | None, new: Object | None) -> None:
        if old is None and new is not None and _LABEL not in (new["metadata"].get("labels") or {}):
            registered.set()

    informers = Informers(client, sleep=sleep)
    informer = informers.of(NODE, fields=f"metadata.name={name}")
    informer.on_change(look)
    async with asyncio.TaskGroup() as group:
        group.create_task(informer.run(), name="informer")
        while True:
            await registered.wait()
            registered.clear()
            while not await _marked(client, name):
                await sleep(_AGAIN)


async def _marked(client: Client, name: str) -> bool:
    try:
        await client.patch(NODE, name, {"metadata": {"labels": {_LABEL: ""}}})
    except NotFound:  # it will register again
        return True
    except APIError as error:
        log.warning("node %s can't be labelled: %s", name, error)
        return False
    return True
