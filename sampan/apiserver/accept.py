"""Content negotiation: what an Accept header asks for, as far as we can give it.

JSON and YAML; and, by the `as` parameter, Tables and metadata only. A client that also takes JSON gets JSON even where
it would rather have protobuf; one that takes nothing of ours gets a 406.
"""

from typing import NamedTuple

from sampan.machinery.errors import NotAcceptable
from sampan.machinery.remember import remembered

JSON = "application/json"
YAML = "application/yaml"
_SUPPORTED = "application/json, application/yaml"
_TYPES = {
    JSON: JSON,
    "*/*": JSON,
    "application/*": JSON,
    YAML: YAML,
    "application/yml": YAML,
    "application/x-yaml": YAML,
}
_VIEWS = frozenset({"Table", "PartialObjectMetadata", "PartialObjectMetadataList"})
_VIEW_VERSIONS = frozenset({"v1", "v1beta1"})
META_GROUP = "meta.k8s.io"
_MOST_CLAUSES = 100  # of a header; what follows is not looked at


class MediaTypeOptions(NamedTuple):
    """The form of the answer. `view` is Table, PartialObjectMetadata(List), or "" for the object itself."""

    media_type: str = JSON
    view: str = ""
    view_version: str = "v1"
    parameters: tuple[tuple[str, str], ...] = ()  # all of the chosen clause

    @property
    def view_api_version(self) -> str:
        """`meta.k8s.io/v1`."""
        return f"{META_GROUP}/{self.view_version}"


class _Clause(NamedTuple):
    media_type: str
    parameters: dict[str, str]
    quality: float


@remembered(512)
def negotiate(header: str) -> MediaTypeOptions:
    """The best form that both sides know, tables and metadata included; raises NotAcceptable."""
    return _best(header, views=True)


@remembered(512)
def negotiate_plain(header: str) -> MediaTypeOptions:
    """The best form where neither tables nor metadata can be given; raises NotAcceptable."""
    return _best(header, views=False)


def _best(header: str, views: bool) -> MediaTypeOptions:
    if not header:
        return MediaTypeOptions()
    clauses = header.split(",", _MOST_CLAUSES)[:_MOST_CLAUSES]
    for clause in sorted(map(_parse, clauses), key=lambda clause: -clause.quality):
        wanted = _offer(clause, views)
        if wanted is not None:
            return wanted
    raise NotAcceptable(f"only the following media types are accepted: {_SUPPORTED}")


def _parse(text: str) -> _Clause:
    media_type, *rest = (part.strip() for part in text.split(";"))
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    try:
        quality = float(parameters.pop("q", "1"))
    except ValueError:
        quality = 0.0
    return _Clause(media_type.lower(), parameters, quality)


def _offer(clause: _Clause, views: bool) -> MediaTypeOptions | None:
    media_type = _TYPES.get(clause.media_type)
    if media_type is None:
        return None
    view = clause.parameters.get("as", "")
    items = tuple(clause.parameters.items())
    if not view:
        return MediaTypeOptions(media_type, parameters=items)
    version = clause.parameters.get("v", "")
    known = view in _VIEWS and clause.parameters.get("g") == META_GROUP and version in _VIEW_VERSIONS
    return MediaTypeOptions(media_type, view, version, items) if views and known else None
