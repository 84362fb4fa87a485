"""What an admission plugin sees of one write.

Made by the write pipeline (writes/), by subresources whose body is not the object (Binding, Eviction, Scale ...) and by
CONNECT; read and, in the first phase, changed by plugins. Rules: k8s.io/apiserver/pkg/admission (Attributes).
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sampan.apiserver.audit.annotations import Annotations
from sampan.apiserver.authentication.user import User
from sampan.apiserver.call import Call
from sampan.apiserver.options import DeleteOptions, WriteOptions
from sampan.machinery.kind import Kind, ObjectCodec, Served
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy

CREATE, UPDATE, DELETE, CONNECT = "CREATE", "UPDATE", "DELETE", "CONNECT"
_OPTIONS = {CREATE: "CreateOptions", UPDATE: "UpdateOptions"}


class GroupVersionKind(NamedTuple):
    """The type of what was sent."""

    group: str
    version: str
    kind: str


@dataclass(slots=True, kw_only=True)
class Admission:
    """One write. Whole objects are in the storage version; bodies of other kinds are as they were sent."""

    call: Call
    operation: str
    obj: Object | None = None  # private to the request; None for DELETE
    old: Object | None = None  # shared, never to be changed; None for CREATE
    subresource: str = ""
    given: WriteOptions | DeleteOptions | None = None  # None for CONNECT
    dry_run: bool = False
    foreign: bool = False  # whether obj and old are no objects of the resource: a Scale, an Eviction
    reinvoke: bool = False  # a plugin asks that all of the first phase run once more
    reinvoking: bool = False  # this is that second time
    memory: dict[str, Any] = field(default_factory=dict)  # by plugin: what it keeps for the second time
    kind: Kind = field(init=False)  # of the resource; no property, as every plugin asks for it

    def __post_init__(self) -> None:
        self.kind = self.call.served.kind

    @property
    def served(self) -> Served:
        """The resource and the version that the request names."""
        return self.call.served

    @property
    def options(self) -> Object:
        """CreateOptions and the like, as the tree that webhooks and policies are shown."""
        if isinstance(self.given, WriteOptions):
            return self.given.tree(_OPTIONS[self.operation])
        return self.given.tree() if self.given else {}

    @property
    def user(self) -> User:
        """Who asks."""
        return self.call.user

    @property
    def warnings(self) -> list[str]:
        """What the client is told beside the answer."""
        return self.call.warnings

    @property
    def audit(self) -> Annotations:
        """Annotations for the audit log: domain/key -> text."""
        return self.call.audit

    @property
    def namespace(self) -> str:
        """The request's namespace; a Namespace lies in itself."""
        kind, info = self.call.served.kind, self.call.info
        if not kind.namespaced and kind.name == "Namespace" and not kind.group:
            return self.name
        return info.namespace

    @property
    def name(self) -> str:
        """The name in the path, or on a create the object's, "" until it is generated."""
        info = self.call.info
        if info.name and not info.is_collection:
            return info.name
        return str(self.obj["metadata"].get("name") or "") if self.obj and "metadata" in self.obj else ""

    @property
    def new(self) -> Object:
        """The object of a create or update."""
        assert self.obj is not None
        return self.obj

    @property
    def sent(self) -> GroupVersionKind:
        """The type of what was sent: the resource's in the request's version, or the foreign body's own."""
        if not self.foreign:
            version = self.served.version
            return GroupVersionKind(version.group, version.version, self.kind.name)
        tree = self.obj or self.old or {}
        group, _, version_name = str(tree.get("apiVersion", "")).rpartition("/")
        return GroupVersionKind(group, version_name, str(tree.get("kind", "")))

    @property
    def _codec(self) -> ObjectCodec:
        return self.call.catalogue.codec(self.call.served)

    def external(self, obj: Object) -> Object:
        """`obj` or `old` in the version that the request names, as a private copy: what webhooks are sent."""
        copied: Object = deep_copy(obj if self.foreign else self._codec.encode(obj))
        return copied

    def replace(self, tree: Object) -> None:
        """Put a changed external object in the place of obj; raises BadRequest where it is none of its kind."""
        if self.foreign:
            self.obj = tree
        else:
            self.obj, _ = self._codec.decode(tree, "Ignore")
