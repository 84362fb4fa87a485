"""The paths of a kind for OpenAPI: operations with their parameters, bodies and answers, before they are rendered.

Called by openapi.py only. What clients look for: the group-version-kind of an operation (`kubectl explain`), the media
types of a PATCH (`kubectl apply` looks for strategic merge there) and its `fieldValidation` and `dryRun` parameters.
Names of operations: k8s.io/apiserver (endpoints/openapi).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.openapi_schemas import DELETE_OPTIONS, PATCH, STATUS

SCALE = "io.k8s.api.autoscaling.v1.Scale"
_PATCH_TYPES = ("application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml")
_STRATEGIC = "application/strategic-merge-patch+json"  # where a built-in type tells how its lists are merged


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter."""

    name: str
    description: str
    type: str = "string"


_DRY_RUN = Parameter(
    "dryRun",
    "Do everything but persist the change. The only value is All: every stage of the request is run.",
)
_FIELD_MANAGER = Parameter("fieldManager", "A name associated with the actor or entity that is making these changes.")
_FIELD_VALIDATION = Parameter(
    "fieldValidation",
    "What to do with unknown or duplicate fields of the request: Ignore drops them, Warn drops them and answers with a "
    "warning for each, Strict (the default) refuses the request.",
)
_FORCE = Parameter("force", "Take over fields that other managers own. Only for apply patches.", "boolean")
_LIST = (
    Parameter("allowWatchBookmarks", "Ask for watch events of type BOOKMARK.", "boolean"),
    Parameter("continue", "The continue value of the previous page."),
    Parameter("fieldSelector", "Restrict the objects by their fields. Defaults to everything."),
    Parameter("labelSelector", "Restrict the objects by their labels. Defaults to everything."),
    Parameter("limit", "The maximum number of objects in the answer.", "integer"),
    Parameter("resourceVersion", "A constraint on the resource version that the answer is served from."),
    Parameter("resourceVersionMatch", "How resourceVersion is applied to list calls."),
    Parameter("sendInitialEvents", "Begin a watch with the objects that exist.", "boolean"),
    Parameter("timeoutSeconds", "How long the call may last.", "integer"),
    Parameter("watch", "Answer with a stream of changes instead of a list.", "boolean"),
)
_DELETE = (
    _DRY_RUN,
    Parameter("gracePeriodSeconds", "Seconds before the object is deleted; 0 means at once.", "integer"),
    Parameter("orphanDependents", "Deprecated: use propagationPolicy.", "boolean"),
    Parameter("propagationPolicy", "Whether and how dependents are deleted: Orphan, Background or Foreground."),
)
_WRITE = (_DRY_RUN, _FIELD_MANAGER, _FIELD_VALIDATION)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path."""

    method: str  # get
    action: str  # x-kubernetes-action: list
    id: str  # listCoreV1NamespacedPod
    description: str
    answer: str  # definition of a success
    gvk: dict[str, str]
    parameters: tuple[Parameter, ...] = ()
    body: str = ""  # definition of the body
    media_types: tuple[str, ...] = ("application/json", "application/yaml")
    codes: tuple[int, ...] = (200,)


@dataclass(frozen=True, slots=True)
class PathItem:
    """A path with its operations. `{name}` and `{namespace}` in the path are its parameters."""

    path: str
    operations: tuple[Operation, ...]


class _Names:
    """The words from which paths and operation ids of one kind in one version are made."""

    def __init__(self, kind: Kind, version: ServedVersion) -> None:
        self.kind, self.version = kind, version
        self.gvk = {"group": version.group, "kind": kind.name, "version": version.version}
        root = f"/apis/{version.group}/{version.version}" if version.group else f"/api/{version.version}"
        self.everywhere = f"{root}/{kind.plural}"
        self.collection = f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else self.everywhere
        self.item = self.collection + "/{name}"
        self._scope = "Namespaced" if kind.namespaced else ""
        self._group = group_id(version)

    def id(self, verb: str, part: str = "", middle: str = "") -> str:
        return f"{verb}{self._group[0].upper()}{self._group[1:]}{middle}{self._scope}{self.kind.name}{part}"


def group_id(version: ServedVersion) -> str:
    """`coreV1`, `rbacAuthorizationV1`: the group and version within operation ids; the tag has them with a `_`."""
    return tag(version).replace("_v", "V")


def tag(version: ServedVersion) -> str:
    """`core_v1`, `rbacAuthorization_v1`."""
    words = (version.group or "core").removesuffix(".k8s.io").split(".")
    return words[0] + "".join(word.capitalize() for word in words[1:]) + "_" + version.version


def paths_of(kind: Kind, version: ServedVersion) -> Iterator[PathItem]:
    """The paths of a kind in a version, as far as its verbs go."""
    names = _Names(kind, version)
    if version.scale_only:
        yield PathItem(names.item + "/scale", tuple(_part(names, "scale", SCALE)))
        return
    if collection := tuple(_collection(names)):
        yield PathItem(names.collection, collection)
    if kind.namespaced and "list" in kind.verbs:
        listing = f"list{names.id('')}ForAllNamespaces".replace("Namespaced", "")
        yield PathItem(names.everywhere, (_list(names, listing),))
    if item := tuple(_item(names, "", version.definition)):
        yield PathItem(names.item, item)
        if kind.has_status:
            yield PathItem(names.item + "/status", tuple(_part(names, "status", version.definition)))
        if kind.scale is not None:
            yield PathItem(names.item + "/scale", tuple(_part(names, "scale", SCALE)))


def _collection(names: _Names) -> Iterator[Operation]:
    verbs, definition = names.kind.verbs, names.version.definition
    if "list" in verbs:
        yield _list(names, names.id("list"))
    if "create" in verbs:
        text, codes = f"create {_article(names.kind.name)}", (200, 201, 202)
        yield Operation(
            "post", "post", names.id("create"), text, definition, names.gvk, _WRITE, definition, codes=codes
        )
    if "deletecollection" in verbs:
        text = f"delete collection of {names.kind.name}"
        known = {parameter.name: parameter for parameter in (*_LIST[1:7], *_DELETE)}
        id_ = names.id("delete", middle="Collection")
        yield Operation(
            "delete", "deletecollection", id_, text, STATUS, names.gvk, tuple(known.values()), DELETE_OPTIONS
        )


def _list(names: _Names, id_: str) -> Operation:
    text = f"list or watch objects of kind {names.kind.name}"
    return Operation("get", "list", id_, text, names.version.definition + "List", names.gvk, _LIST)


def _item(names: _Names, part: str, definition: str) -> Iterator[Operation]:
    verbs, suffix = names.kind.verbs, part.capitalize()
    what = f"{part} of the specified {names.kind.name}" if part else f"the specified {names.kind.name}"
    if "get" in verbs:
        yield Operation("get", "get", names.id("read", suffix), f"read {what}", definition, names.gvk)
    if "update" in verbs:
        id_, codes = names.id("replace", suffix), (200, 201)
        yield Operation("put", "put", id_, f"replace {what}", definition, names.gvk, _WRITE, definition, codes=codes)
    if "patch" in verbs:
        text, given = f"partially update {what}", (*_WRITE, _FORCE)
        types = (*_PATCH_TYPES, _STRATEGIC) if names.version.structure is None else _PATCH_TYPES
        id_ = names.id("patch", suffix)
        yield Operation("patch", "patch", id_, text, definition, names.gvk, given, PATCH, types, (200, 201))
    if "delete" in verbs and not part:
        text, codes = f"delete {_article(names.kind.name)}", (200, 202)
        yield Operation(
            "delete", "delete", names.id("delete"), text, STATUS, names.gvk, _DELETE, DELETE_OPTIONS, codes=codes
        )


def _part(names: _Names, part: str, definition: str) -> Iterator[Operation]:
    """The operations of a subresource; Scale is a kind of its own."""
    for operation in _item(names, part, definition):
        if part == "scale":
            gvk = {"group": "autoscaling", "kind": "Scale", "version": "v1"}
            yield Operation(**{name: getattr(operation, name) for name in Operation.__slots__} | {"gvk": gvk})
        else:
            yield operation


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"
