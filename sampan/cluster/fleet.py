"""The further nodes of a running cluster: those run that cluster.json wants, and what was of others is removed.

Run inside the server. cluster.json is the wish, and looked at each second: `sampan node` writes it, and this follows,
whatever was missed meanwhile. A node that is stopped is like a machine without power: its containers are gone, its Node
stays, and the cluster finds out by itself. One that has been removed leaves no Node either.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import replace

from sampan.cluster.components import Cluster
from sampan.cluster.config import ClusterConfig, ConfigError, load
from sampan.cluster.further import FurtherNode, further_nodes, running_nodes
from sampan.cluster.key_material import pki_of
from sampan.cluster.network import NetworkError
from sampan.cluster.node import tear_down_further
from sampan.cluster.node_supervisor import supervise, write_credentials
from sampan.cluster.pki import PKIError
from sampan.cluster.removal import remove_tree
from sampan.kinds.core.node import KIND as NODE
from sampan.kubelet.provisioning.objects import ACCOUNT as PROVISIONER_ACCOUNT
from sampan.kubelet.provisioning.provisioner import provision
from sampan.machinery.errors import APIError, NotFound

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between two looks


class Fleet:
    """The further nodes of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._config = cluster.config
        self._known = {node.name: node for node in (*_left(cluster.config), *further_nodes(cluster.config))}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._down: set[str] = set()  # those of which nothing is on this machine
        self._equipped: list[str] = []  # whose credentials are written

    async def run(self) -> None:
        """Follow cluster.json until cancelled, which leaves all nodes as they are."""
        self._cluster.on_renewal.append(self._write_credentials)
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._look(group)
                except (APIError, ConfigError, NetworkError, PKIError, OSError) as error:
                    log.error("nodes can't be brought to what is wanted, which is tried again: %s", error)
                await self._cluster.clock.sleep(INTERVAL)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        config = await asyncio.to_thread(load, self._cluster.config.directory)
        if config is None:
            return
        self._config = config
        wanted = {node.name: node for node in further_nodes(config)}
        self._known |= wanted
        for name in self._known.keys() - running_nodes(config) - self._down:
            await self._stop(self._known[name])
        for name in self._known.keys() - wanted.keys():
            await self._remove(self._known[name])
        if sorted(wanted) != self._equipped:
            await asyncio.to_thread(self._equip)
        for name in sorted(running_nodes(config) - self._running.keys()):
            self._down.discard(name)
            self._running[name] = group.create_task(self._serve(wanted[name]), name=f"node {name}")

    def _equip(self) -> None:
        """Certificates and kubeconfigs for all nodes."""
        pki = pki_of(self._config, self._cluster.clock.now)
        self._cluster.pki = replace(self._cluster.pki, further=pki.further)
        self._cluster.pki.ensure()
        self._write_credentials()
        self._equipped = sorted(self._config.nodes)

    def _write_credentials(self) -> None:
        write_credentials(self._config, self._cluster.pki)

    async def _serve(self, node: FurtherNode) -> None:
        """The node's process, and what provides its claims: their directories are on this machine as well."""
        clock, client = self._cluster.clock, self._cluster.account_client(PROVISIONER_ACCOUNT)
        async with asyncio.TaskGroup() as group:
            group.create_task(supervise(node, clock))
            group.create_task(provision(client, clock, node.name, node.directory / "volumes"))

    async def _stop(self, node: FurtherNode) -> None:
        """Take its power, and what it had on this machine."""
        if task := self._running.pop(node.name, None):
            task.cancel()
            await asyncio.wait([task])
        await tear_down_further(node, log.info)
        self._down.add(node.name)
        log.info("node %s is stopped", node.name)

    async def _remove(self, node: FurtherNode) -> None:
        """Remove all that it kept, and its Node; it is stopped."""
        if node.directory.exists():
            await asyncio.to_thread(remove_tree, node.directory, log.info)
        with contextlib.suppress(NotFound):
            await self._cluster.api.local_client().delete(NODE, node.name)
        del self._known[node.name]
        self._down.discard(node.name)
        log.info("node %s is removed", node.name)


def _left(config: ClusterConfig) -> Iterator[FurtherNode]:
    """Nodes that were to be removed when an earlier server ended. Their numbers don't matter any more."""
    for directory in (config.directory / "nodes").glob("*/"):
        if directory.name not in config.nodes:
            yield FurtherNode(config, directory.name, 1)
