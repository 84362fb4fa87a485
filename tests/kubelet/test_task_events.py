"""follow_tasks() against a server that, as containerd does, begins to announce some time after it was asked to."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from sampan.kubelet import containerd_events_pb2 as pb
from sampan.kubelet.task_events import EXIT, KNOCK, OOM, follow_tasks
from sampan.reconcile.clock import SystemClock


class Runtime:
    """The Events service. It is deaf to its first two events, and ends its stream when told to."""

    def __init__(self) -> None:
        self.published = 0
        self.queue: asyncio.Queue[pb.Envelope | None] = asyncio.Queue()

    async def publish(self, request: pb.PublishRequest, context: Any) -> bytes:
        assert (request.topic, dict(context.invocation_metadata())["containerd-namespace"]) == (KNOCK, "k8s.io")
        self.published += 1
        if self.published > 2:
            self.queue.put_nowait(pb.Envelope(topic=request.topic))
        return b""

    async def subscribe(self, request: pb.SubscribeRequest, context: Any) -> AsyncIterator[pb.Envelope]:
        self.filters = list(request.filters)
        while envelope := await self.queue.get():
            yield envelope

    def announce(self, topic: str, container: str, process: str = "") -> None:
        event = pb.TaskEvent(container_id=container, id=process).SerializeToString()
        self.queue.put_nowait(pb.Envelope(topic=topic, event=pb.Any(value=event)))

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "containerd.services.events.v1.Events",
            {
                "Publish": grpc.unary_unary_rpc_method_handler(self.publish, pb.PublishRequest.FromString, bytes),
                "Subscribe": grpc.unary_stream_rpc_method_handler(
                    self.subscribe, pb.SubscribeRequest.FromString, pb.Envelope.SerializeToString
                ),
            },
        )


@pytest.fixture
async def server() -> AsyncIterator[grpc.aio.Server]:
    server = grpc.aio.server()
    yield server
    await server.stop(0)


async def test_it_says_when_it_listens_and_then_what_happened_to_whom(server: grpc.aio.Server) -> None:
    runtime, said = Runtime(), []
    server.add_generic_rpc_handlers((runtime.handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    def listening() -> None:
        said.append(("listening", runtime.published))
        runtime.announce(EXIT, "c1", "exec-in-c1")
        runtime.announce(OOM, "c1")
        runtime.announce(EXIT, "c1", "c1")
        runtime.queue.put_nowait(pb.Envelope(topic=KNOCK))  # a late answer
        runtime.announce(EXIT, "c2", "c2")
        runtime.queue.put_nowait(None)

    async with asyncio.timeout(20), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        tell = {EXIT: lambda who: said.append(("ended", who)), OOM: lambda who: said.append(("starved", who))}
        assert await follow_tasks(channel, SystemClock(), tell, listening)
    assert said == [("listening", 3), ("starved", "c1"), ("ended", "c1"), ("ended", "c2")]
    assert runtime.filters == [f'namespace=="k8s.io",topic=="{topic}"' for topic in (KNOCK, EXIT, OOM)]


async def test_other_runtimes_announce_nothing(server: grpc.aio.Server) -> None:
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with asyncio.timeout(20), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert not await follow_tasks(channel, SystemClock(), {EXIT: pytest.fail}, pytest.fail)
