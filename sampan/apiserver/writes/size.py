"""How large an object may be in storage: as much as etcd takes in one request.

Upstream stores protobuf, which is shorter than our JSON, so what is too long as JSON is measured as protobuf. Above
2 MiB it is etcd's client that refuses. Called by storing.py. Rules: etcd, --max-request-bytes; isTooLargeError in
k8s.io/apiserver/pkg/endpoints/handlers; documentation, "Limits" of ConfigMaps and custom resources.
"""

from sampan.machinery.errors import APIError
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object, is_deleting
from sampan.machinery.protobuf import encoder, message_of

MOST = 1536 << 10  # bytes
_SENT = 2 << 20


class TooLarge(APIError):
    """What upstream makes of the error of etcd, or of its client."""

    def __init__(self, size: int) -> None:
        sent = f"rpc error: code = ResourceExhausted desc = trying to send message larger than max ({size} vs. {_SENT})"
        super().__init__(sent if size > _SENT else "etcdserver: request is too large", code=500, reason="")


def check_size(served: Served, stored: Object, value: bytes) -> None:
    """Raises TooLarge, but not where an object is going. `value` are the bytes of an object in its storage version."""
    size = len(value)
    if size <= MOST or is_deleting(stored):
        return
    message = message_of(served.kind.api_version, served.kind.name)
    if message is not None:
        size = len(encoder(message)(stored))
    if size > MOST:
        raise TooLarge(size)


def without_managers(obj: Object) -> Object:
    """The object without managedFields, which upstream's handlers drop where nothing else fits."""
    return {**obj, "metadata": {name: value for name, value in obj["metadata"].items() if name != "managedFields"}}
