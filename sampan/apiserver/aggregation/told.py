"""What backends tell of themselves, read into discovery's own values. Pure; every field is somebody else's word.

Forms: apidiscovery.k8s.io/v2 of all that a server has, or meta/v1 APIResourceList of one version (KEP-3352).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from sampan.apiserver.aggregation.backends import GroupVersion
from sampan.apiserver.discovery.model import Resource, ResourceKind, Sub

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
Resources = tuple[Resource, ...]
Found = Mapping[GroupVersion, Resources]


class Unreadable(ValueError):
    """What a backend sent is no discovery document."""


def is_aggregated(content_type: str) -> bool:
    """Whether an answer is in the form that ACCEPT asks for."""
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    wanted = {"g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"}
    return media_type == "application/json" and wanted <= set(parameters)


def from_aggregated(body: bytes) -> Found:
    """Everything in an APIGroupDiscoveryList; raises Unreadable."""
    try:
        return {
            (group["metadata"].get("name") or "", version["version"]): tuple(
                _resource(entry, group["metadata"].get("name") or "", version["version"])
                for entry in version.get("resources") or ()
            )
            for group in orjson.loads(body).get("items") or ()
            for version in group.get("versions") or ()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"not an APIGroupDiscoveryList: {error!r}") from error


def from_resource_list(body: bytes, place: GroupVersion) -> Found:
    """One version, from its APIResourceList; raises Unreadable."""
    try:
        entries = orjson.loads(body).get("resources") or ()
        plain = [entry for entry in entries if "/" not in entry["name"]]
        return {place: tuple(_listed(entry, _subresources(entry["name"], entries), place) for entry in plain)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"not an APIResourceList: {error!r}") from error


def _resource(entry: Mapping[str, Any], group: str, version: str) -> Resource:
    subresources = entry.get("subresources") or ()
    return Resource(
        str(entry["resource"]),
        str(entry.get("singularResource") or ""),
        entry.get("scope") == "Namespaced",
        _kind(entry.get("responseKind"), group, version),
        _texts(entry.get("verbs")),
        _texts(entry.get("shortNames")),
        _texts(entry.get("categories")),
        "",
        tuple(
            _sub(sub["subresource"], sub.get("responseKind"), sub.get("verbs"), (group, version))
            for sub in subresources
        ),
        legacy=False,
        guest=False,
    )


def _listed(entry: Mapping[str, Any], subresources: Iterable[Mapping[str, Any]], place: GroupVersion) -> Resource:
    name = entry["name"]
    return Resource(
        str(name),
        str(entry.get("singularName") or ""),
        bool(entry.get("namespaced")),
        _kind(entry, *place),
        _texts(entry.get("verbs")),
        _texts(entry.get("shortNames")),
        _texts(entry.get("categories")),
        str(entry.get("storageVersionHash") or ""),
        tuple(_sub(sub["name"].removeprefix(f"{name}/"), sub, sub.get("verbs"), place) for sub in subresources),
        legacy=False,
        guest=False,
    )


def _subresources(name: str, entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if entry["name"].startswith(f"{name}/")]


def _sub(name: str, told: Any, verbs: Any, place: GroupVersion) -> Sub:
    kind = _kind(told, *place)
    return Sub(str(name), kind, (kind.group, kind.version) != place, _texts(verbs))


def _kind(told: Any, group: str, version: str) -> ResourceKind:
    """A kind that names no group or version is of the resource's own."""
    known = told or {}
    return ResourceKind(
        str(known.get("group") or group), str(known.get("version") or version), str(known.get("kind") or "")
    )


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values or ())
