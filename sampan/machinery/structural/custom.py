"""Custom resources of one definition, in all its versions: how objects come out of storage, and go into it.

    resource = CustomResource("example.com", schemas, stored="v1")
    structure = CustomStructure(definition, schemas["v2"], resource)        # ServedVersion.structure, codec.py

What lies in storage was right by the definition of its day. So it is read again by the schema of the version in which
it lies: fields that are no longer known go, new defaults come. Then it is converted to the version that is asked for,
and read by that one's schema. Conversion by webhook is not here: the API server makes the request, and calls `accept`
with what comes back. Upstream: k8s.io/apiextensions-apiserver/pkg/apiserver/{customresource_handler.go,conversion}.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sampan.machinery.meta import Object
from sampan.machinery.structural.resource import ResourceSchema

Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CustomResource:
    """A definition as of one of its states; another state makes another one."""

    group: str
    schemas: Mapping[str, ResourceSchema]  # by version, served or not
    stored: str  # the version in which objects are stored
    webhook: Tree | None = None  # spec.conversion.webhook, where the strategy is Webhook

    @property
    def storage_version(self) -> str:
        """The apiVersion in which objects are stored."""
        return f"{self.group}/{self.stored}"

    def restore(self, obj: Object) -> Object:
        """An object as it lies in storage, private, read by the schema of its own version."""
        schema = self.schemas.get(obj["apiVersion"].rpartition("/")[2])
        if schema is not None:
            schema.read(obj, stored=True)
            schema.default(obj)
        return obj

    def accept(self, obj: Object, version: str) -> Object:
        """An object, private, that has been converted to a version (or needs no conversion but this)."""
        obj["apiVersion"] = f"{self.group}/{version}"
        self.schemas[version].read(obj, stored=True)
        return obj
