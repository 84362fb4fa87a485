"""The processes of further nodes as the server sees them: each is given its credentials and kept running.

Such a process outlives the server, as containerd does. The next server ends it and starts another, which has today's
program and credentials and adopts the containers. Run inside the server; the process itself is node_process.py.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Sequence

from sampan.client.kubeconfig import KubeconfigError, merge_cluster
from sampan.cluster.config import ClusterConfig
from sampan.cluster.further import FurtherNode, further_nodes
from sampan.cluster.key_material import PROXY_PAIR, advertised_address, kubelet_pair
from sampan.cluster.log_files import open_log
from sampan.cluster.namespace import connect, entering
from sampan.cluster.network import NetworkError
from sampan.cluster.pki import PKI
from sampan.cluster.processes import Process, find
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

MODULE = "sampan.cluster.node_process"
GRACE = 10.0  # seconds that a process has to end
_BACKOFF = (0.2, 10.0)  # first and longest wait, in seconds
_STEADY = 30.0  # who has run this long fails for a new reason


def write_credentials(config: ClusterConfig, pki: PKI) -> None:
    """Give every further node the kubeconfigs of its kubelet and its proxy. Raises OSError."""
    server = f"https://{advertised_address(config)}:{config.api_port}"
    for node in further_nodes(config):
        node.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for component, name in (("kubelet", kubelet_pair(node)), ("proxy", PROXY_PAIR)):
            pair, file = pki.pair(name), node.directory / f"{component}.conf"
            try:
                merge_cluster(file, config.name, server, pki.read("ca.crt"), pair.certificate, pair.key)
            except KubeconfigError:  # it is ours alone, whatever stands there
                file.unlink()
                merge_cluster(file, config.name, server, pki.read("ca.crt"), pair.certificate, pair.key)


async def supervise(node: FurtherNode, clock: Clock) -> None:
    """Connect the node and keep its process running, until cancelled, which leaves the process alone."""
    wait, longest = _BACKOFF
    while True:
        began = clock.now()
        try:
            await end(node)
            node.ready_file.unlink(missing_ok=True)
            await connect(node)
            with _start(node) as process:
                await process.ended()
            log.warning("node %s has ended and is started again. Its last words:\n%s", node.name, last_words(node))
        except (NetworkError, OSError) as error:  # ProcessLookupError: it ended at once
            log.error("node %s can't be started: %s\n%s", node.name, error, last_words(node))
        if (clock.now() - began).total_seconds() > _STEADY:
            wait = _BACKOFF[0]
        await clock.sleep(wait)
        wait = min(wait * 2, longest)


async def end(node: FurtherNode) -> None:
    """End the node's process, if one runs; its containerd and its containers run on."""

    def is_it(arguments: Sequence[str]) -> bool:
        return list(arguments[1:]) == _arguments(node)

    for pid in find(is_it):
        try:
            process = Process(pid, is_it)
        except ProcessLookupError:
            continue
        with process:
            await process.end(GRACE)


def last_words(node: FurtherNode) -> str:
    """The end of its log."""
    try:
        said = (node.directory / "node.log").read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(said.splitlines()[-10:])


def _arguments(node: FurtherNode) -> list[str]:
    return ["-m", MODULE, node.cluster.state, node.name]


def _start(node: FurtherNode) -> Process:
    command = entering(node, [sys.executable, *_arguments(node)])
    with os.fdopen(open_log(node.directory / "node.log"), "ab") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True
        )
    child.returncode = 0  # watched through its pidfd; keep Popen from complaining that it still runs
    return Process(child.pid, lambda arguments: True)
