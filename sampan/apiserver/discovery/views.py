"""Two views of what is served, and who gets which.

Sampan serves every version since 2017, but a tool that scans discovery takes each group and version it finds for
current: Deployments in two groups are ambiguous to kopf and to the Python DynamicClient. So scanners see what this
release of Kubernetes shows by default (`current`), and what maps manifests to resources by discovery alone, as kubectl
and Helm do, sees everything (`complete`). The paths answer everyone: discovery decides what is named, never what is
served. Called by paths.py.

kubectl says what it is by its User-Agent (`kubectl/v1.20.2 (linux/amd64) ...`, after the name of its program) and,
since 1.22, by Kubectl-Command whatever its program is called (KEP-859). A plugin (`kubectl-tree/...`) is a scanner.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from sampan.apiserver.discovery.model import Group, Resource, Version

VARIES_BY = "User-Agent, Kubectl-Command"  # the headers that is_mapper looks at
_MAPPER = re.compile(
    r"(?:[\w.-]*[._-])?kubectl(?:[._-]?v?\d[\w.-]*)?(?:\.exe)?|helm(?:\.exe)?", re.IGNORECASE | re.ASCII
)
_LONGEST = 256  # characters of a User-Agent that are looked at


class LegacyDiscovery(StrEnum):
    """Who sees the legacy versions."""

    AUTO = "auto"  # clients that map manifests
    ALWAYS = "always"
    NEVER = "never"


def is_mapper(headers: Mapping[str, str]) -> bool:
    """Whether the client turns manifests of any version into requests, and asks discovery for nothing else."""
    if "kubectl-command" in headers:
        return True
    program = headers.get("user-agent", "")[:_LONGEST].partition("/")[0]
    return _MAPPER.fullmatch(program) is not None


def current(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """What Kubernetes shows by default: nothing that upstream has removed, or will."""
    return _keep(groups, lambda resource: None if resource.legacy else resource)


def complete(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """All of it. A kind that several groups serve has its short names and categories in its own group only: kubectl
    warns that a name is ambiguous, and `get all` would list the same objects twice."""
    return _keep(groups, lambda r: r._replace(short_names=(), categories=()) if r.guest else r)


def _keep(groups: tuple[Group, ...], change: Callable[[Resource], Resource | None]) -> tuple[Group, ...]:
    """The groups with each resource changed, or (None) left out; what has no resource left goes too."""

    def version_of(version: Version) -> Version:
        return version._replace(resources=tuple(kept for one in version.resources if (kept := change(one))))

    def emptied(version: Version) -> bool:  # what other servers have may have nothing yet
        return bool(version.resources) and not version_of(version).resources

    found = (Group(group.name, tuple(version_of(v) for v in group.versions if not emptied(v))) for group in groups)
    return tuple(group for group in found if group.versions)
