"""Content negotiation: what an Accept header asks for, as far as an endpoint can give it.

An `Offer` is what endpoints of one sort can give: JSON, YAML and protobuf; and, by the `as` parameter, Tables, metadata
only or aggregated discovery. Two rules of upstream meet here: its router refuses who names no type of the route, before
the handler looks at order and parameters. Rules: k8s.io/apiserver/pkg/endpoints/handlers/negotiation, whose clauses are
those of goautoneg. Pure; called by render/form.py, render/status.py and discovery/documents.py.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sampan.machinery import protobuf
from sampan.machinery.errors import NotAcceptable
from sampan.machinery.remember import remembered

JSON, YAML, PROTOBUF = "application/json", "application/yaml", protobuf.MEDIA_TYPE
TYPES = (JSON, YAML, PROTOBUF)
STREAM_TYPES = tuple(f"{media_type};stream=watch" for media_type in (JSON, PROTOBUF))
META_GROUP = "meta.k8s.io"

_METADATA = frozenset({"PartialObjectMetadata", "PartialObjectMetadataList"})
_META_VERSIONS = ("v1", "v1beta1")
_ANY = "*/*"
_MOST_CLAUSES = 100  # of a header; what follows is not looked at


class MediaTypeOptions(NamedTuple):
    """The form of the answer. `view` is Table, PartialObjectMetadata(List), or "" for the object itself."""

    media_type: str = JSON
    view: str = ""
    view_group: str = META_GROUP
    view_version: str = "v1"

    @property
    def view_api_version(self) -> str:
        """`meta.k8s.io/v1`."""
        return f"{self.view_group}/{self.view_version}"


class _Clause(NamedTuple):
    type: str
    subtype: str
    parameters: dict[str, str]
    quality: float

    def covers(self, media_type: str) -> bool:
        """Whether a media type is what the clause asks for."""
        type_, _, subtype = media_type.partition("/")
        return self.type in (type_, "*") and (self.subtype == "*" or (self.type, self.subtype) == (type_, subtype))

    def before(self, other: "_Clause") -> bool:
        """Whether this one is to be tried first. (No order at all in some cases; but it is upstream's.)"""
        return (
            self.quality > other.quality
            or (self.type != "*" and other.type == "*")
            or (self.subtype != "*" and other.subtype == "*")
        )


class Offer:
    """What endpoints of one sort can give."""

    def __init__(
        self,
        plain: tuple[str, ...] = TYPES,
        views: frozenset[tuple[str, str, str]] = frozenset(),
        tables: bool = False,
        routed: tuple[str, ...] = (_ANY,),
        server_version: str = "",
    ) -> None:
        """`plain` are the types without a view; `views` are (group, version, kind), where Tables are text only;
        `routed` are the types that the router knows of; `server_version` is what `sv` may be."""
        self._plain, self._views, self._tables = plain, views, tables
        self._routed, self._server_version = routed, server_version
        self._remembered = remembered(512)(self._negotiate)

    def negotiate(self, header: str) -> MediaTypeOptions:
        """The best form that both sides know; raises NotAcceptable."""
        return self._remembered(header)

    def _negotiate(self, header: str) -> MediaTypeOptions:
        if not header:
            return MediaTypeOptions()
        self.route(header)
        for clause in _in_order(_clauses(header)):
            for media_type in TYPES:
                if clause.covers(media_type) and (form := self._form(media_type, clause.parameters)) is not None:
                    return form
        raise not_acceptable(TYPES)

    def route(self, header: str) -> None:
        """Refuse who names no type that the route has (go-restful, Route.matchesAccept); raises NotAcceptable."""
        if not header or _ANY in self._routed:
            return
        named = (clause.partition(";")[0].strip(" ") for clause in header.split(","))
        if not any(name == _ANY or name in self._routed for name in named):
            shown = ", ".join(self._routed)
            raise NotAcceptable(f"406: Not Acceptable\n\nAvailable representations: {shown}", details={})

    def _form(self, media_type: str, parameters: dict[str, str]) -> MediaTypeOptions | None:
        """What a clause comes to with one of the types that it covers; None where it cannot be given."""
        stream, server_version = parameters.get("stream"), parameters.get("sv")
        if stream and (stream != "watch" or media_type == YAML):
            return None
        if server_version and server_version != self._server_version:
            return None
        if not parameters.keys() & {"as", "g", "v"}:
            return MediaTypeOptions(media_type) if media_type in self._plain else None
        view, group, version = (parameters.get(name, "") for name in ("as", "g", "v"))
        if (group, version, view) not in self._views or (view == "Table" and not self._gives_table(media_type)):
            return None
        return MediaTypeOptions(media_type, view, group, version)

    def _gives_table(self, media_type: str) -> bool:
        return self._tables and media_type != PROTOBUF


def not_acceptable(types: tuple[str, ...]) -> NotAcceptable:
    """The error for a client that takes none of these."""
    return NotAcceptable(f"only the following media types are accepted: {', '.join(types)}")


def _clauses(header: str) -> Iterator[_Clause]:
    for part in header.split(",", _MOST_CLAUSES)[:_MOST_CLAUSES]:
        media_type, _, rest = part.strip(" ").partition(";")
        type_, slash, subtype = (word.strip(" ") for word in media_type.partition("/"))
        if not slash or not subtype:
            if type_ != "*":
                continue
            subtype = "*"
        if "/" not in subtype:
            yield _clause(type_, subtype, rest)


def _clause(type_: str, subtype: str, rest: str) -> _Clause:
    parameters, quality = {}, 1.0
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        if not value or "=" in value:
            continue
        if name.strip(" ") == "q":
            quality = _quality(value)
        else:
            parameters[name.strip(" ")] = value.strip(" ")
    return _Clause(type_, subtype, parameters, quality)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _in_order(clauses: Iterator[_Clause]) -> list[_Clause]:
    """Sorted by insertion, as Go does where there are few: what `before` says is no order that any sort would do."""
    found: list[_Clause] = []
    for clause in clauses:
        place = len(found)
        while place and clause.before(found[place - 1]):
            place -= 1
        found.insert(place, clause)
    return found


def _of_meta(*kinds: str) -> frozenset[tuple[str, str, str]]:
    return frozenset((META_GROUP, version, kind) for version in _META_VERSIONS for kind in kinds)


_VIEWS = _of_meta("Table", *_METADATA)
OBJECT = Offer(views=_VIEWS, tables=True, routed=TYPES, server_version="v1")
COLLECTION = Offer(views=_VIEWS, tables=True, routed=TYPES + STREAM_TYPES, server_version="v1")
ANSWERED = Offer(views=_VIEWS, routed=TYPES, server_version="v1")  # what is never stored has no columns
CUSTOM = Offer((JSON, YAML), _VIEWS, tables=True, server_version="v1")  # no messages, but their metadata has one
TEXT = Offer(routed=("text/plain", *TYPES))  # a log, which is text whoever asks
ERROR = Offer()
DISCOVERY, DISCOVERY_ROUTED = Offer(), Offer(routed=TYPES)  # of groups and their lists; of what a group has
VERSION = Offer(routed=(JSON,))
