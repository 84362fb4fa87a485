"""The discovery paths and their answers, in each view (views.py) and form (legacy.py, aggregated.py).

Called by nonresource/table.py. A path that only the complete view has, as that of a legacy version, answers everyone.
"""

from collections.abc import Callable, Iterable

from sampan.apiserver.accept import DISCOVERY, DISCOVERY_ROUTED, Offer
from sampan.apiserver.discovery import aggregated, legacy
from sampan.apiserver.discovery.documents import Answer, Document, Negotiated, by_client, varying
from sampan.apiserver.discovery.merging import merged
from sampan.apiserver.discovery.model import Group, RemoteVersion, groups_of
from sampan.apiserver.discovery.views import LegacyDiscovery, complete, current
from sampan.apiserver.routes import Routes


def discovery_paths(
    routes: Routes,
    address: Callable[[], str],
    legacy_discovery: LegacyDiscovery = LegacyDiscovery.AUTO,
    remote: Iterable[RemoteVersion] = (),
) -> dict[str, Answer]:
    """Path -> answer. `address` (host:port), where clients find the server, is known once the port is open; `remote`
    are the versions that other servers have."""
    served = merged(groups_of(routes), remote)
    auto = legacy_discovery is LegacyDiscovery.AUTO
    for_mappers = _answers(complete(served), address, differs=auto)
    if legacy_discovery is LegacyDiscovery.ALWAYS:
        return for_mappers
    for_scanners = _answers(current(served), address, differs=auto)
    if auto:
        for_scanners = {path: by_client(for_mappers[path], answer) for path, answer in for_scanners.items()}
    return for_mappers | for_scanners


def _answers(groups: tuple[Group, ...], address: Callable[[], str], differs: bool) -> dict[str, Answer]:
    """All paths in one view; `differs` when some clients see the other one there."""
    vary = varying(differs)
    core, named = tuple(g for g in groups if not g.name), tuple(g for g in groups if g.name)
    found: dict[str, Answer] = {
        "/api": _negotiated(lambda: legacy.api_versions(address()), core, vary, DISCOVERY_ROUTED),
        "/apis": _negotiated(lambda: legacy.group_list(named), named, vary, DISCOVERY),
    }
    for group in groups:
        root = f"/apis/{group.name}" if group.name else "/api"
        if group.name:
            found[root] = _group(group, vary)
        for version in group.versions:
            found[f"{root}/{version.name}"] = _resources(group, version.name, vary)
    return found


def _group(group: Group, vary: str) -> Answer:
    return Document(lambda: legacy.group(group), varies_by=vary, offer=DISCOVERY).answer


def _resources(group: Group, version: str, vary: str) -> Answer:
    return Document(lambda: legacy.resource_list(group, version), varies_by=vary).answer


def _negotiated(old: Callable[[], legacy.Document], groups: Iterable[Group], vary: str, offer: Offer) -> Answer:
    forms = {version: _aggregated(groups, version, vary) for version in aggregated.VERSIONS}
    return Negotiated(Document(old, varies_by=vary, offer=offer), forms).answer


def _aggregated(groups: Iterable[Group], version: str, vary: str) -> Document:
    parameters = f";g={aggregated.GROUP};v={version};as={aggregated.KIND}"
    return Document(lambda: aggregated.group_discovery_list(groups, version), parameters, vary)
