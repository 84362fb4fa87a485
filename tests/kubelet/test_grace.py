"""Grace periods of any length reach the runtime as ones that its clocks can hold."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.cri import CRI


@pytest.mark.parametrize("grace", [30, 2**31 - 1, 2**63 - 1])
async def test_a_long_grace_period_overflows_no_deadline(tmp_path: Path, grace: int) -> None:
    asked: list[int] = []

    async def stop(request: Any, context: Any) -> Any:
        asked.append(request.timeout)
        return pb.StopContainerResponse()

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        stop, pb.StopContainerRequest.FromString, pb.StopContainerResponse.SerializeToString
    )
    handlers = {"StopContainer": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("runtime.v1.RuntimeService", handlers),))
    server.add_insecure_port(f"unix:{tmp_path / 'cri.sock'}")
    await server.start()
    cri = CRI(str(tmp_path / "cri.sock"))
    try:
        await cri.stop_container("a", grace)
    finally:
        await cri.close()
        await server.stop(0)
    assert asked == [grace] if grace < 2**20 else 2**20 < asked[0] < 2**63 // 10**9
