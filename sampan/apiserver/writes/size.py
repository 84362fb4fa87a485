"""How large an object may be in storage: as much as etcd takes in one request.

Upstream stores protobuf, which is shorter than our JSON, so what is too long as JSON is measured as protobuf, too.
Called by storing.py. Rule: etcd, --max-request-bytes; documentation, "Limits" of ConfigMaps and custom resources.
"""

from sampan.machinery.errors import APIError
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object
from sampan.machinery.protobuf import encoder, message_of

MOST = 1536 << 10  # bytes


def check_size(served: Served, stored: Object, value: bytes) -> None:
    """Raises what upstream makes of etcd's error. `value` are the bytes of an object in its storage version."""
    if len(value) <= MOST:
        return
    kind = served.kind
    message = message_of(kind.api_version, kind.name)
    if message is None or len(encoder(message)(stored)) > MOST:
        raise APIError("etcdserver: request is too large", code=500, reason="")
