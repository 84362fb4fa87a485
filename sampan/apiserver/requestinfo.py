"""What a request asks for, read from its method, path and query alone.

Authorization, routing, metrics and audit all decide by a `RequestInfo`; nobody else parses paths. The rules are those
of k8s.io/apiserver/pkg/endpoints/request (RequestInfoFactory): /api and /apis paths with a version are resource
requests, everything else is not.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from sampan.machinery.booleans import is_true
from sampan.machinery.errors import BadRequest
from sampan.machinery.remember import LONGEST

_METHOD_VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})
_COLLECTION_VERBS = {"get": "list", "delete": "deletecollection"}
_WITH_SELECTORS = frozenset({"list", "watch", "deletecollection"})


class RequestInfo(NamedTuple):
    """A parsed request. For non-resource requests only `verb` (the method in lower case) and `path` are set."""

    is_resource: bool
    verb: str
    path: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    is_collection: bool = False  # whether the path ends with the resource; `name` may then come from a selector
    rest: tuple[str, ...] = ()  # what follows the subresource: the path given to a proxy
    field_selector: str = ""  # of a list, watch or deletecollection that names its verb by its method
    label_selector: str = ""


def parse_request(method: str, path: str, query: Mapping[str, str]) -> RequestInfo:
    """The request's meaning. Raises BadRequest where a special verb has no operand."""
    if query or len(path) > LONGEST:
        return _parse(method, path, query)
    return _by_path(method, path)


@lru_cache(maxsize=4096)
def _by_path(method: str, path: str) -> RequestInfo:
    """Without a query. Leases, statuses and lists are asked for again and again, and every write's path twice: before
    its body has come, too."""
    return _parse(method, path, {})


def _parse(method: str, path: str, query: Mapping[str, str]) -> RequestInfo:
    parts = path.strip("/").split("/")
    prefix = parts[0]
    if len(parts) < 3 or prefix not in ("api", "apis") or (prefix == "apis" and len(parts) < 4):
        return RequestInfo(False, method.lower(), path)
    if prefix == "api":
        group, version, rest = "", parts[1], parts[2:]
    else:
        group, version, rest = parts[1], parts[2], parts[3:]
    verb = _METHOD_VERBS.get(method, "")
    by_path = rest[0] == "watch"
    if by_path:
        if len(rest) < 2:
            raise BadRequest(f"unable to determine kind and namespace from url, {path}")
        verb, rest = "watch", rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "", "")[:3]
    if name:
        return RequestInfo(
            True, verb, path, group, version, namespace, resource, subresource, name, False, tuple(rest[3:])
        )
    fields, labels = "", ""
    if not by_path and (verb := _collection_verb(verb, query)) in _WITH_SELECTORS:
        fields, labels = query.get("fieldSelector", ""), query.get("labelSelector", "")
    if verb in ("list", "watch"):
        name = _selected_name(fields)
    return RequestInfo(True, verb, path, group, version, namespace, resource, "", name, True, (), fields, labels)


def _collection_verb(verb: str, query: Mapping[str, str]) -> str:
    verb = _COLLECTION_VERBS.get(verb, verb)
    return "watch" if verb == "list" and is_true(query.get("watch", "")) else verb


def _selected_name(selector: str) -> str:
    """A selector for one metadata.name counts as that name in authorization."""
    for term in selector.split(","):
        field, found, value = term.partition("=")
        if found and field == "metadata.name":
            name = value.removeprefix("=")
            return name if name not in (".", "..") and "/" not in name and "%" not in name else ""
    return ""
