"""Aggregated discovery (KEP-3352): all about a set of groups in one document (apidiscovery.k8s.io)."""

from collections.abc import Iterable
from typing import Any

from sampan.apiserver.discovery.model import Group, Resource, ResourceKind, Sub

GROUP, KIND = "apidiscovery.k8s.io", "APIGroupDiscoveryList"
VERSIONS = ("v2", "v2beta1")
Document = dict[str, Any]


def group_discovery_list(groups: Iterable[Group], version: str) -> Document:
    """/api or /apis."""
    items = [_group(group) for group in groups]
    return {"kind": KIND, "apiVersion": f"{GROUP}/{version}", "metadata": {}, "items": items}


def _group(group: Group) -> Document:
    versions = [
        {
            "version": version.name,
            "resources": list(map(_resource, version.resources)),
            "freshness": "Current" if version.fresh else "Stale",
        }
        for version in group.versions
    ]
    return {"metadata": {"name": group.name} if group.name else {}, "versions": versions}


def _resource(resource: Resource) -> Document:
    document: Document = {
        "resource": resource.name,
        "responseKind": _kind(resource.response),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    document |= resource.nicknames()
    if resource.subresources:
        document["subresources"] = list(map(_subresource, resource.subresources))
    return document


def _subresource(sub: Sub) -> Document:
    return {"subresource": sub.name, "responseKind": _kind(sub.response), "verbs": list(sub.verbs)}


def _kind(kind: ResourceKind) -> Document:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}
