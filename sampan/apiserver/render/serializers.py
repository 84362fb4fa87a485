"""The table of media types: everything that is answered goes through it, errors and watches included."""

from collections.abc import Mapping

from sampan.apiserver.accept import JSON, PROTOBUF, YAML
from sampan.apiserver.render.as_json import AsJSON
from sampan.apiserver.render.as_protobuf import AsProtobuf
from sampan.apiserver.render.as_yaml import AsYAML
from sampan.apiserver.render.serializer import Serializer

SERIALIZERS: Mapping[str, Serializer] = {JSON: AsJSON(), YAML: AsYAML(), PROTOBUF: AsProtobuf()}
