"""Kubernetes's protobuf encoding (application/vnd.kubernetes.protobuf), both ways, between bytes and JSON trees.

    messages.py    which fields the messages have: data/protobuf.json
    wire.py        varints, keys, lengths
    values.py      types whose JSON is not that of a message: times, quantities, JSON within protobuf
    encoding.py    a tree as a message        decoding.py    a message as a tree
    envelope.py    what is around a message: objects, lists, watch frames

Each message's functions are compiled when it is first met, from data alone; the field schema is not needed. Google's
library parses faster, but setting its messages from trees and reading them into trees takes as long as doing it here.
Format: k8s.io/apimachinery/pkg/runtime/serializer/protobuf. Called by the API server's render/ and bodies.py.
"""

from sampan.machinery.protobuf.encoding import encoder
from sampan.machinery.protobuf.envelope import MEDIA_TYPE, UndecodableBody, parse_protobuf
from sampan.machinery.protobuf.messages import message_of

__all__ = ["MEDIA_TYPE", "UndecodableBody", "encoder", "message_of", "parse_protobuf"]
