"""The groups of this server and of those behind it as one, in the order of their priorities. Pure; called by paths.py.

Order: k8s.io/apiserver/pkg/endpoints/discovery/aggregated: a group by the highest number that a version of it gives,
then by name; its versions by their own numbers, then by stability.
"""

from collections.abc import Iterable, Mapping

from sampan.apiserver.aggregation.priorities import group_priority, version_priority
from sampan.apiserver.discovery.model import Group, RemoteVersion, Version, by_stability


def merged(groups: Iterable[Group], remote: Iterable[RemoteVersion]) -> tuple[Group, ...]:
    """All groups; a version that is served elsewhere is not this server's."""
    versions: dict[tuple[str, str], Version] = {}
    first: dict[tuple[str, str], tuple[int, int]] = {}  # priorities of group and version
    for group in groups:
        for version in group.versions:
            place = group.name, version.name
            versions[place] = version
            first[place] = group_priority(group.name), version_priority(*place)
    for one in remote:
        versions[one.place] = Version(one.name, one.resources, one.fresh)
        first[one.place] = one.group_priority, one.priority
    highest: dict[str, int] = {}
    for (name, _), (priority, _) in first.items():
        highest[name] = max(priority, highest.get(name, 0))
    return tuple(
        Group(name, tuple(_ordered(name, versions, first))) for name in sorted(highest, key=lambda n: (-highest[n], n))
    )


def _ordered(
    group: str, versions: Mapping[tuple[str, str], Version], first: Mapping[tuple[str, str], tuple[int, int]]
) -> Iterable[Version]:
    stable_first = by_stability(version for name, version in versions if name == group)
    for version in sorted(stable_first, key=lambda name: -first[group, name][1]):
        yield versions[group, version]
