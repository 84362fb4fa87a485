"""Pods that run to their end on a real node, and what they wrote."""

from collections.abc import Callable
from pathlib import Path

from sampan.kubelet.app import Kubelet
from sampan.machinery.meta import Object
from tests.kubelet.rig import Rig, container

FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"


def ended(pod: Object) -> bool:
    return bool(pod["status"].get("phase") in ("Succeeded", "Failed"))


def restarted(times: int) -> Callable[[Object], bool]:
    return lambda pod: any(s["restartCount"] >= times for s in pod["status"].get("containerStatuses") or ())


async def output(node: Kubelet, name: str, instance: int = 0) -> str:
    """What a pod's main container has written."""
    pod = next(pod for pod in node.pods() if pod["metadata"]["name"] == name)
    found = (await node.services.runtime.pod(pod["metadata"]["uid"])).instances("main")[instance]
    return log_text(Path(found.log_path))


def log_text(path: Path) -> str:
    """A CRI log without times, streams and tags."""
    text = path.read_text() if path.exists() else ""
    return "".join(line.split(" ", 3)[3] for line in text.splitlines(keepends=True))


async def run(rig: Rig, node: Kubelet, name: str, *script: str, spec: Object | None = None, **more: object) -> str:
    """Run a pod to its end; its output."""
    await rig.create(name, {"restartPolicy": "Never", "containers": [container(*script, **more)]} | (spec or {}))
    pod = await rig.until(name, ended)
    assert pod["status"]["phase"] == "Succeeded", (pod["status"], await output(node, name))
    return await output(node, name)
