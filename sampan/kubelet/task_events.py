"""containerd's announcements of what became of its tasks, so that an exit is seen at once and nothing is polled.

EXIT: a task has ended. OOM: the kernel killed a process of it for want of memory; it may come before the exit, after
it, or without one, where it wasn't the first process.

Other runtimes don't have this service; app.py then lists the containers every second, as upstream does.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

import grpc
import grpc.aio

from sampan.kubelet import containerd_events_pb2 as pb
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

NAMESPACE = "k8s.io"
EXIT, OOM = "/tasks/exit", "/tasks/oom"
KNOCK = "/sampan/listening"  # a topic of our own
KNOCK_SECONDS = 0.05
_SERVICE = "/containerd.services.events.v1.Events"


async def follow_tasks(
    channel: grpc.aio.Channel, clock: Clock, tell: Mapping[str, Callable[[str], None]], listening: Callable[[], None]
) -> bool:
    """Call what `tell` has for a topic with the id of every container or sandbox concerned, until the stream ends.

    containerd doesn't say when a subscription begins to count, so we knock until we hear it; then `listening` is
    called: what happens after it is announced. False: this runtime has no such service.
    """
    filters = [f'namespace=="{NAMESPACE}",topic=="{topic}"' for topic in (KNOCK, *tell)]
    subscribe = channel.unary_stream(
        f"{_SERVICE}/Subscribe",
        request_serializer=pb.SubscribeRequest.SerializeToString,
        response_deserializer=pb.Envelope.FromString,
    )
    knocking = asyncio.ensure_future(_knock(channel, clock))
    heard = False
    try:
        async for envelope in subscribe(pb.SubscribeRequest(filters=filters)):
            if envelope.topic != KNOCK:
                _pass_on(envelope, tell[envelope.topic])
            elif not heard:
                heard = True
                knocking.cancel()
                listening()
    except grpc.aio.AioRpcError as error:
        log.info("the stream of containerd's events ended: %s", error.details())
        return error.code() is not grpc.StatusCode.UNIMPLEMENTED
    finally:
        knocking.cancel()
        await asyncio.gather(knocking, return_exceptions=True)
    return True


def _pass_on(envelope: pb.Envelope, tell: Callable[[str], None]) -> None:
    event = pb.TaskEvent.FromString(envelope.event.value)
    if event.id in ("", event.container_id):  # else a command run by exec has ended
        tell(event.container_id)


async def _knock(channel: grpc.aio.Channel, clock: Clock) -> None:
    """Publish an event that we hear ourselves once we are subscribed, again and again."""
    publish = channel.unary_unary(
        f"{_SERVICE}/Publish", request_serializer=pb.PublishRequest.SerializeToString, response_deserializer=bytes
    )
    knock = pb.PublishRequest(topic=KNOCK, event=pb.Any(type_url="sampan/knock"))
    try:
        while True:
            await publish(knock, metadata=(("containerd-namespace", NAMESPACE),))
            await clock.sleep(KNOCK_SECONDS)
    except grpc.aio.AioRpcError as error:
        log.debug("containerd takes no events: %s", error.details())  # the subscription fails with it
