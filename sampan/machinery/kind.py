"""What a kind is: the declaration from which routes, discovery, OpenAPI, tables and client paths derive.

A file below `kinds/` makes one `Kind` and names it `KIND`; `kinds/registry.py` collects them. Nothing here does I/O and
nothing here knows any particular kind. The split into generic storage and per-kind strategy follows
k8s.io/apiserver/pkg/registry/rest (RESTCreateStrategy, RESTUpdateStrategy, RESTDeleteStrategy).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sampan.machinery.defaulting import DefaultFunction, FieldDefaults
from sampan.machinery.errors import FieldError
from sampan.machinery.meta import Object
from sampan.machinery.rules import FieldRules
from sampan.machinery.schema import Definition, Schema

# What a hook may do: `Prepare` changes the new object in place (it is private to the request);
# `Validate` only reads. The old object, where given, is shared and must never be changed.
PrepareCreate = Callable[[Object], None]
PrepareUpdate = Callable[[Object, Object], None]
Stamp = Callable[[Object, Object | None, datetime], None]  # (new, old, now)
Validate = Callable[[Object], Iterable[FieldError]]
Grace = Callable[[Object, int | None], int]  # (object, seconds that the client asks for) -> seconds that it gets
ValidateUpdate = Callable[[Object, Object], Iterable[FieldError]]


def desired(obj: Object) -> Object:
    """The object without its type, metadata and status."""
    return {k: v for k, v in obj.items() if k not in ("apiVersion", "kind", "metadata", "status")}


ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Column:
    """One printed column of a Table: upstream's TableColumnDefinition with the function that fills the cell."""

    name: str
    cell: Callable[[Object, datetime], Any]  # (object, now) -> string, integer or boolean
    type: str = "string"
    format: str = ""
    priority: int = 0  # 0: always shown; 1: only with -o wide
    description: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a served version turns into the storage version and back. Both return a new tree or change a private one."""

    to_storage: Callable[[Object], Object]
    from_storage: Callable[[Object], Object]


class ObjectCodec(Protocol):
    """From what a client sent to what is stored, and back; see codec.py for what each method promises."""

    def decode(
        self, obj: object, field_validation: str = "Strict", duplicates: Iterable[str] = ()
    ) -> tuple[Object, list[str]]:
        """An object of this version, private, in the storage version with its defaults; and warnings."""

    def check(
        self, obj: object, field_validation: str = "Strict", duplicates: Iterable[str] = ()
    ) -> tuple[Object, list[str]]:
        """The first half of decode: types checked, unknown fields pruned, no defaults."""

    def read(self, obj: object) -> tuple[Object, list[str]]:
        """The same, whatever fields are unknown: with their paths."""

    def default(self, obj: Object) -> None:
        """Give an object of this version its defaults, in place."""

    def to_storage(self, obj: Object) -> Object:
        """An object of this version, which may be changed, in the storage version."""

    def encode(self, obj: Object) -> Object:
        """An object of the storage version, which stays as it is, in this version."""


class StoredResource(Protocol):
    """How custom resources of one definition lie in storage."""

    @property
    def storage_version(self) -> str:
        """The apiVersion in which objects are stored."""

    @property
    def webhook(self) -> Mapping[str, Any] | None:
        """Who converts them, spec.conversion.webhook of the definition; None: versions differ in their name alone."""

    def restore(self, obj: Object) -> Object:
        """An object as it lies in storage, private, read by the schema of its own version."""

    def accept(self, obj: Object, version: str) -> Object:
        """An object, private, that has been converted to a version."""


class Structure(Protocol):
    """What the objects of a version look like where the field schema does not say it: those of custom resources."""

    @property
    def definition(self) -> Definition:
        """The type, for server-side apply."""

    @property
    def published(self) -> Mapping[str, Any] | None:
        """What OpenAPI says of it, as a JSONSchemaProps tree; None: nothing."""

    @property
    def digest(self) -> str:
        """Of `published`."""

    @property
    def preserves_unknown(self) -> bool:
        """Whether unknown fields are kept everywhere, as definitions of v1beta1 could ask for."""

    @property
    def resource(self) -> StoredResource:
        """How the objects lie in storage. A request works in its own version, and converts there and back."""

    def codec(self, kind: "Kind", version: "ServedVersion") -> ObjectCodec:
        """The codec of a kind in this version."""


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version in which a kind is served.

    `convert` None means field-identical to the storage version: stored bytes are then sent as they are, with only
    apiVersion changed. `default` runs after the type defaults of `definition`, on an object of this version.
    The `validate` hooks are rules that hold only for requests in this version; they run after the kind's own, on the
    storage version.
    """

    group: str
    version: str
    definition: str  # name in the field schema, "io.k8s.api.apps.v1.Deployment"
    convert: Conversion | None = None
    default: PrepareCreate | None = None
    validate: Validate | None = None
    validate_create: Validate | None = None
    validate_update: ValidateUpdate | None = None
    default_orphan: bool = False  # as Kind.default_orphan, for requests in this version
    scale_only: bool = False  # nothing but /scale is served in this version
    deprecated: str = ""  # release in which it was deprecated, "1.9"; "" if it is not
    removed: str = ""  # release in which upstream removed it, "1.16"
    replacement: str = ""  # "apps/v1 Deployment"
    warning: str = ""  # what to tell who uses a deprecated version, where that is not made of the fields above
    structure: Structure | None = None  # where no definition of the field schema says what objects look like
    kind: "Kind | None" = None  # the kind as it is in this version, where versions differ in columns or rules, too
    api_version: str = field(init=False, compare=False)  # `apps/v1`, or `v1` for the core group; asked for all the time

    def __post_init__(self) -> None:
        object.__setattr__(self, "api_version", f"{self.group}/{self.version}" if self.group else self.version)


@dataclass(frozen=True, slots=True)
class Scale:
    """Paths, as tuples of field names, by which autoscaling/v1 Scale views a kind."""

    spec_replicas: tuple[str, ...] = ("spec", "replicas")
    status_replicas: tuple[str, ...] = ("status", "replicas")
    # the path of a LabelSelector (dict with matchLabels), of a plain label map or of a selector's text; () is none
    selector: tuple[str, ...] = ("spec", "selector")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Everything that is particular to one kind."""

    name: str  # Deployment
    plural: str  # deployments
    versions: tuple[ServedVersion, ...]  # the first is the storage version and the preferred one
    namespaced: bool = True
    singular: str = ""  # defaults to the lower-case name
    list_name: str = ""  # defaults to the name with List
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS  # ("create",) for reviews, which are never stored
    columns: tuple[Column, ...] = ()  # empty: Name and Age

    # Types. Kinds may give the same for what they share.
    definitions: Callable[[Schema], None] | None = None  # adds the types of legacy versions to the field schema
    defaults: FieldDefaults = field(default_factory=dict)  # see defaulting.py
    default_functions: Mapping[str, DefaultFunction] = field(default_factory=dict)

    rules: FieldRules = field(default_factory=dict)  # what fields of the storage version may hold; see rules.py

    # Strategy. Defaults, pruning, metadata rules and `rules` are applied by the machinery before these run.
    prepare_create: PrepareCreate | None = None  # e.g. drop status
    prepare_requestor: PrepareUpdate | None = None  # before it: (new, UserInfo of who creates it)
    prepare_update: PrepareUpdate | None = None  # (new, old)
    prepare_status_update: PrepareUpdate | None = None
    stamp: Stamp | None = None  # writes times that a create or update leaves to the server
    stamp_status: Stamp | None = None  # ... that a write of the status leaves to it
    validate: Validate | None = None  # on create and, after validate_update, on update
    validate_create: Validate | None = None  # only on create: rules that stored objects may break
    validate_update: ValidateUpdate | None = None  # (new, old)
    validate_status_update: ValidateUpdate | None = None
    slow_validation: bool = False  # it can take over 20 ms, and is run beside the event loop
    warnings: Callable[[Object], Iterable[str]] | None = None
    create_warnings: Callable[[Object], Iterable[str]] | None = None  # only on create
    name_rule: str = "dns-subdomain"  # or another of NAME_RULES in names.py

    short_finalizers: bool = False  # finalizers need no domain in their names

    has_status: bool = True  # serves /status; main writes keep the old status, status writes keep the old spec
    has_generation: bool = True  # metadata.generation is 1 on create and bumped when spec changes
    scale: Scale | None = None
    selectable_fields: Mapping[str, Callable[[Object], str]] = field(default_factory=dict)
    # field selectors beyond metadata.name and metadata.namespace, e.g. {"spec.nodeName": ...}
    allow_unconditional_update: bool = True  # an update without resourceVersion is accepted
    allow_create_on_update: bool = False  # PUT creates what is missing (Lease, Endpoints, Event ...)
    default_orphan: bool = False  # deletion without a propagation policy orphans (ReplicationController, Job)
    # What counts as the desired state: a change of it is a new generation.
    counted: Callable[[Object], Any] = desired
    # Fields below metadata or spec that a write cannot set, by subresource ("" for the object itself), so that nobody
    # comes to own them; the status, and for the status all the rest, need not be named.
    reset_fields: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    allocator: str = ""  # which of the server's allocators completes an object before it is stored
    returns_deleted: bool = False  # DELETE answers with the object instead of a Status
    grace: Grace | None = None  # how long a deleted object goes on; without it, it goes at once
    closed: bool = False  # nothing new is made: its definition is being deleted
    prepare_delete: PrepareCreate | None = None  # when a deletion begins; the object is private
    is_finished: Callable[[Object], bool] | None = None  # whether a deletion waits for nothing of the kind's own

    # Of the storage version; computed once, as they are asked for all the time. Errors and RBAC name this group.
    group: str = field(init=False, compare=False)
    api_version: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        first = self.versions[0] if self.versions else None  # none yet: a custom kind in the making
        object.__setattr__(self, "group", first.group if first else "")
        object.__setattr__(self, "api_version", first.api_version if first else "")

    @property
    def storage(self) -> ServedVersion:
        """The version in which objects are stored."""
        return self.versions[0]

    @property
    def is_stored(self) -> bool:
        """Whether there are objects of the kind; reviews are only answered, and component statuses computed."""
        return "watch" in self.verbs

    @property
    def is_read(self) -> bool:
        """Whether there is something to read, stored or not."""
        return "get" in self.verbs

    @property
    def list_kind(self) -> str:
        """The kind of a list."""
        return self.list_name or f"{self.name}List"

    @property
    def singular_name(self) -> str:
        """The singular resource name of discovery."""
        return self.singular or self.name.lower()

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the storage version. An empty namespace of a namespaced kind means all namespaces."""
        version = self.versions[0]
        parts = ["/apis", version.group, version.version] if version.group else ["/api", version.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


class Served(NamedTuple):
    """A kind in one of its versions."""

    kind: Kind
    version: ServedVersion
