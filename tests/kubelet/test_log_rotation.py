"""Which logs are rotated, and that one that can't be keeps no other from it."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.cri import CRIError
from sampan.kubelet.log_rotation import INTERVAL, log_of, rotate_logs, rotated
from sampan.kubelet.runtime import POD_NAME, POD_NAMESPACE, POD_UID
from sampan.testing.clock import VirtualClock
from tests.kubelet.rig import eventually


def container(name: str, state: int = pb.CONTAINER_RUNNING) -> Any:
    labels = {POD_NAMESPACE: "default", POD_NAME: "p", POD_UID: "u"}
    return SimpleNamespace(id=name, labels=labels, state=state, metadata=SimpleNamespace(name=name, attempt=0))


class Runtime:
    """Refuses to open one log anew."""

    def __init__(self, containers: list[Any]) -> None:
        self.containers, self.opened = containers, list[str]()

    async def list_containers(self) -> list[Any]:
        return self.containers

    async def reopen_log(self, identity: str) -> None:
        if identity == "refuses":
            raise CRIError("Unknown", "no such file")
        self.opened.append(identity)


async def test_every_log_that_is_too_long_has_its_turn(tmp_path: Path) -> None:
    config = KubeletConfig(
        node_name="n", node_ip="192.0.2.1", pod_cidr="10.1.0.0/24", root_dir=tmp_path, cri_socket="", log_max_size=100
    )
    containers = [container("refuses"), container("short"), container("ended", pb.CONTAINER_EXITED), container("long")]
    paths = {one.id: log_of(config, one) for one in containers}
    for name, path in paths.items():
        assert path is not None
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(100 if name == "short" else 101))
    runtime, clock = Runtime(containers), VirtualClock()
    context = SimpleNamespace(cri=runtime, config=config, clock=clock)
    rotating = asyncio.create_task(rotate_logs(context))  # type: ignore[arg-type]
    await clock.advance(INTERVAL)

    async def done() -> bool:  # files are moved in a thread
        return clock.sleepers > 0

    await eventually(done)
    rotating.cancel()
    assert runtime.opened == ["long"]
    assert {name for name, path in paths.items() if path and rotated(path)} == {"long"}
    assert paths["refuses"] is not None and paths["refuses"].stat().st_size == 101  # the runtime writes on there
