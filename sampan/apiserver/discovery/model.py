"""Discovery as values: groups, their versions, the resources in them. views.py says which of them a client sees,
legacy.py and aggregated.py make documents."""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from sampan.apiserver.routes import Endpoint, Routes

_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?", re.ASCII)


class ResourceKind(NamedTuple):
    """The type that a resource takes and gives."""

    group: str
    version: str
    kind: str


class Sub(NamedTuple):
    """A subresource."""

    name: str
    response: ResourceKind
    foreign: bool  # whether the type is of another version than the resource
    verbs: tuple[str, ...]


class Resource(NamedTuple):
    """A resource in one version."""

    name: str
    singular: str
    namespaced: bool
    response: ResourceKind
    verbs: tuple[str, ...]
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    storage_hash: str
    subresources: tuple[Sub, ...]
    legacy: bool  # upstream has removed this version, or has said when it will: off by default there
    guest: bool  # in another group than the kind's own

    def nicknames(self) -> dict[str, list[str]]:
        """What else clients may call it, as every form of discovery has it."""
        found = {"shortNames": list(self.short_names), "categories": list(self.categories)}
        return {field: names for field, names in found.items() if names}


class Version(NamedTuple):
    """A version of a group."""

    name: str
    resources: tuple[Resource, ...]
    fresh: bool = True  # whether the server that has it has been asked with success


class RemoteVersion(NamedTuple):
    """A version that another server has, behind this one."""

    group: str
    name: str
    resources: tuple[Resource, ...]
    fresh: bool
    group_priority: int
    priority: int

    @property
    def place(self) -> tuple[str, str]:
        """The group and version."""
        return self.group, self.name


class Group(NamedTuple):
    """A group; its first version is the preferred one."""

    name: str
    versions: tuple[Version, ...]


def groups_of(routes: Routes) -> tuple[Group, ...]:
    """All groups of this server; merging.py gives them their order."""
    found: dict[str, dict[str, dict[str, dict[str, Endpoint]]]] = {}
    for (group, version, plural, sub), endpoint in routes.places.items():
        found.setdefault(group, {}).setdefault(version, {}).setdefault(plural, {})[sub] = endpoint
    return tuple(
        Group(name, tuple(_version(version, found[name][version]) for version in by_stability(found[name])))
        for name in found
    )


def _version(name: str, resources: dict[str, dict[str, Endpoint]]) -> Version:
    return Version(name, tuple(_resource(plural, resources[plural]) for plural in sorted(resources)))


def _resource(plural: str, endpoints: dict[str, Endpoint]) -> Resource:
    main = endpoints[""]
    kind, version = main.served.kind, main.served.version
    return Resource(
        plural,
        kind.singular_name,
        kind.namespaced,
        ResourceKind(version.group, version.version, kind.name),
        tuple(sorted(main.verbs)),
        kind.short_names,
        kind.categories,
        _storage_hash(kind.group, kind.storage.version, kind.name) if kind.is_stored else "",
        tuple(_sub(name, endpoint) for name, endpoint in sorted(endpoints.items()) if name),
        legacy=bool(version.removed),
        guest=version.group != kind.group,
    )


def _sub(name: str, endpoint: Endpoint) -> Sub:
    served, sub = endpoint.served, endpoint.subresource
    response = ResourceKind(served.version.group, served.version.version, served.kind.name)
    foreign = False
    if sub is not None and sub.kind:
        foreign = (sub.group, sub.version) != (response.group, response.version)
        response = ResourceKind(sub.group, sub.version, sub.kind)
    return Sub(name, response, foreign, tuple(sorted(endpoint.verbs)))


def _storage_hash(group: str, version: str, kind: str) -> str:
    """Upstream's StorageVersionHash: changes when the stored form does."""
    return base64.b64encode(hashlib.sha256(f"{group}/{version}/{kind}".encode()).digest()[:8]).decode()


def by_stability(versions: Iterable[str]) -> list[str]:
    """Stable versions first, newest first: v2, v1, v1beta2, v1beta1, v1alpha1; then other names."""

    def rank(version: str) -> tuple[int, int, int, str]:
        match = _VERSION.fullmatch(version)
        if match is None:
            return (3, 0, 0, version)
        major, stage, minor = match.groups()
        return ({None: 0, "beta": 1, "alpha": 2}[stage], -int(major), -int(minor or 0), "")

    return sorted(versions, key=rank)
