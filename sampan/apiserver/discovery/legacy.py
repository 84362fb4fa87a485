"""Discovery in the old form: one document for the groups, one for each version (k8s.io/apimachinery metav1)."""

from typing import Any

from sampan.apiserver.discovery.model import Group, Resource, Sub

Document = dict[str, Any]


def api_versions(address: str) -> Document:
    """/api."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group_list(groups: tuple[Group, ...]) -> Document:
    """/apis."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in groups]}


def group(found: Group) -> Document:
    """/apis/<group>."""
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(found)


def _group(found: Group) -> Document:
    versions = [{"groupVersion": f"{found.name}/{version.name}", "version": version.name} for version in found.versions]
    return {"name": found.name, "versions": versions, "preferredVersion": versions[0]}


def resource_list(found: Group, version: str) -> Document:
    """/api/v1 and /apis/<group>/<version>."""
    resources = next(v.resources for v in found.versions if v.name == version)
    document: Document = {"kind": "APIResourceList"}
    if found.name:
        document["apiVersion"] = "v1"
    document["groupVersion"] = f"{found.name}/{version}" if found.name else version
    document["resources"] = [entry for resource in resources for entry in _entries(resource)]
    return document


def _entries(resource: Resource) -> list[Document]:
    entry: Document = {
        "name": resource.name,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.response.kind,
        "verbs": list(resource.verbs),
    }
    entry |= resource.nicknames()
    if resource.storage_hash:
        entry["storageVersionHash"] = resource.storage_hash
    return [entry, *(_subresource(resource, sub) for sub in resource.subresources)]


def _subresource(resource: Resource, sub: Sub) -> Document:
    own = {"group": sub.response.group, "version": sub.response.version} if sub.foreign else {}
    return {
        "name": f"{resource.name}/{sub.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        **{name: value for name, value in own.items() if value},
        "kind": sub.response.kind,
        "verbs": list(sub.verbs),
    }
