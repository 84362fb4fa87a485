"""containerd's announcements of started and ended tasks, so that an exit is seen at once and nothing is polled.

Other runtimes don't have this service; app.py then lists the containers every second, as upstream does.
"""

import logging
from collections.abc import Callable

import grpc
import grpc.aio

from sampan.kubelet import containerd_events_pb2 as pb

log = logging.getLogger(__name__)

NAMESPACE = "k8s.io"
TOPICS = ("/tasks/exit", "/tasks/oom")

# (container or sandbox id, topic)
OnEvent = Callable[[str, str], None]


async def follow_tasks(channel: grpc.aio.Channel, on_event: OnEvent) -> bool:
    """Call back for every event until the stream ends. False: this runtime has no such service."""
    subscribe = channel.unary_stream(
        "/containerd.services.events.v1.Events/Subscribe",
        request_serializer=pb.SubscribeRequest.SerializeToString,
        response_deserializer=pb.Envelope.FromString,
    )
    filters = [f'namespace=="{NAMESPACE}",topic=="{topic}"' for topic in TOPICS]
    try:
        async for envelope in subscribe(pb.SubscribeRequest(filters=filters)):
            event = pb.TaskEvent.FromString(envelope.event.value)
            if event.id in ("", event.container_id):  # else a command run by exec has ended
                on_event(event.container_id, envelope.topic)
    except grpc.aio.AioRpcError as error:
        log.info("the stream of containerd's events ended: %s", error.details())
        return error.code() is not grpc.StatusCode.UNIMPLEMENTED
    return True
