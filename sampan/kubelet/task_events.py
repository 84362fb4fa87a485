"""containerd's announcements of tasks that have ended, so that an exit is seen at once and nothing is polled.

Other runtimes don't have this service; app.py then lists the containers every second, as upstream does.
"""

import logging
from collections.abc import Callable

import grpc
import grpc.aio

from sampan.kubelet import containerd_events_pb2 as pb

log = logging.getLogger(__name__)

FILTER = 'namespace=="k8s.io",topic=="/tasks/exit"'


async def follow_exits(channel: grpc.aio.Channel, ended: Callable[[str], None]) -> bool:
    """Call back with the id of every container or sandbox that ends, until the stream does.

    False: this runtime has no such service.
    """
    subscribe = channel.unary_stream(
        "/containerd.services.events.v1.Events/Subscribe",
        request_serializer=pb.SubscribeRequest.SerializeToString,
        response_deserializer=pb.Envelope.FromString,
    )
    try:
        async for envelope in subscribe(pb.SubscribeRequest(filters=[FILTER])):
            event = pb.TaskEvent.FromString(envelope.event.value)
            if event.id in ("", event.container_id):  # else a command run by exec has ended
                ended(event.container_id)
    except grpc.aio.AioRpcError as error:
        log.info("the stream of containerd's events ended: %s", error.details())
        return error.code() is not grpc.StatusCode.UNIMPLEMENTED
    return True
