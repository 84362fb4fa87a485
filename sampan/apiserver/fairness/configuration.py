"""What FlowSchemas and PriorityLevelConfigurations say, read once: levels, and schemas in the order of their matching.

Pure. Called by levels.py with every change. The mandatory ones are there even where their objects are not, and a schema
whose level is missing is left out. Rule: k8s.io/apiserver/pkg/util/flowcontrol (digestConfigObjects).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sampan.apiserver.bootstrap.flow_control import flow_schemas, priority_levels
from sampan.apiserver.bootstrap.kept import Kept
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path

EXEMPT, CATCH_ALL = "exempt", "catch-all"  # the mandatory ones, of both kinds


class Queuing(NamedTuple):
    """How a level's requests wait: in so many queues, of which a flow has a hand, each of a length."""

    queues: int
    hand: int
    length: int


class Level(NamedTuple):
    """A priority level. Without queuing, what is too much is refused at once."""

    name: str
    uid: str
    shares: int
    lendable: int = 0  # percent
    borrowing: int | None = None  # percent; None: as much as there is
    queuing: Queuing | None = None
    exempt: bool = False


class Schema(NamedTuple):
    """A FlowSchema: requests that `rules` match belong to `level`, and to one flow each by `by`."""

    name: str
    uid: str
    level: str
    by: str  # "ByUser", "ByNamespace" or ""
    rules: Sequence[Object]


class Configuration(NamedTuple):
    """All of it, schemas in the order in which they are asked."""

    levels: Mapping[str, Level]
    schemas: Sequence[Schema]


def configure(levels: Iterable[Object], schemas: Iterable[Object]) -> Configuration:
    """What the objects say, and of the mandatory ones what they would say."""
    known = {level.name: level for level in map(_level, levels)}
    for obj in _mandatory(priority_levels):
        known.setdefault(obj["metadata"]["name"], _level(obj))
    ordered = sorted(schemas, key=_order)
    found = [schema for schema in map(_schema, ordered) if schema.level in known]
    names = {schema.name for schema in found}
    exempt, rest = _mandatory(flow_schemas)
    first = [] if EXEMPT in names else [_schema(exempt)]
    last = [] if CATCH_ALL in names else [_schema(rest)]
    return Configuration(known, [*first, *found, *last])


def _mandatory(made: Callable[[], list[Kept]]) -> list[Object]:
    return [kept.wanted for kept in made() if kept.wanted["metadata"]["name"] in (EXEMPT, CATCH_ALL)]


def _order(schema: Object) -> tuple[int, str]:
    return schema["spec"].get("matchingPrecedence") or 0, schema["metadata"]["name"]


def _level(obj: Object) -> Level:
    spec, exempt = obj["spec"], obj["spec"].get("type") == "Exempt"
    said = spec.get("exempt" if exempt else "limited") or {}
    queuing = get_path(said, ("limitResponse", "queuing"))
    return Level(
        obj["metadata"]["name"],
        obj["metadata"].get("uid", ""),
        said.get("nominalConcurrencyShares") or 0,
        said.get("lendablePercent") or 0,
        said.get("borrowingLimitPercent"),
        Queuing(queuing["queues"], queuing["handSize"], queuing["queueLengthLimit"]) if queuing else None,
        exempt,
    )


def _schema(obj: Object) -> Schema:
    spec = obj["spec"]
    return Schema(
        obj["metadata"]["name"],
        obj["metadata"].get("uid", ""),
        spec["priorityLevelConfiguration"]["name"],
        get_path(spec, ("distinguisherMethod", "type"), ""),
        spec.get("rules") or (),
    )
