"""One cluster of this checkout for the tests, by the `sampan` command as a user would: up, is it still sound, gone.

Its state, kubeconfig and everything else lie in a directory of the caller's. Called by runner.py.
"""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from sampan.cluster.image_layout import Layout
from tests.conformance import images

CHECKOUT = Path(__file__).parents[2]


class ClusterError(Exception):
    """A cluster did not come up, or did not go; the message is what `sampan` said."""


class Cluster:
    """A context: the cluster is there within, and nothing of it is left afterwards but its server's log, in `logs`."""

    def __init__(self, name: str, directory: Path, kubectl: Path, stand_ins: Layout, logs: Path) -> None:
        self.name, self.directory, self.kubectl, self.stand_ins, self.logs = name, directory, kubectl, stand_ins, logs
        self.kubeconfig = directory / "kubeconfig"
        self.state = directory / "clusters" / name

    async def __aenter__(self) -> "Cluster":
        try:
            await self._sampan("up", "--install", "--nodes", "2")  # a few tests want two
            registry = Layout(self.state / "images")
            await asyncio.to_thread(images.fill, registry, self.stand_ins)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if (log := self.state / "server.log").exists():
            shutil.copyfile(log, self.logs / f"server-{len([*self.logs.glob('server-*.log')]) + 1}.log")
        await asyncio.shield(self._sampan("delete"))

    async def fault(self) -> str:
        """Why no further test should run here; "" if all is well."""
        ask = ("--request-timeout=20s", "get", "nodes", "-o", "json")
        status, said = await run([str(self.kubectl), f"--kubeconfig={self.kubeconfig}", *ask])
        return f"the API server does not answer: {said.strip()}" if status else node_fault(json.loads(said))

    async def _sampan(self, *words: str) -> None:
        environment = os.environ | {
            "SAMPAN_HOME": str(self.directory / "clusters"),
            "KUBECONFIG": str(self.kubeconfig),
            "PYTHONPATH": str(CHECKOUT),
        }
        command = [sys.executable, "-m", "sampan.cli.app", words[0], "--name", self.name, *words[1:]]
        status, said = await run(command, environment)
        if status:
            raise ClusterError(f"sampan {words[0]}: {said}")


def node_fault(nodes: dict[str, Any]) -> str:
    """What keeps pods off a list of nodes; "" if nothing does."""
    if not nodes["items"]:
        return "there is no node"
    for node in nodes["items"]:
        name, spec = node["metadata"]["name"], node["spec"]
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", ()))
        if not ready or spec.get("unschedulable") or spec.get("taints"):
            return f"node {name} takes no pods: ready {ready}, taints {spec.get('taints', [])}"
    return ""


async def run(command: list[str], environment: dict[str, str] | None = None) -> tuple[int, str]:
    """A command's status, and its output with what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")
