"""Which APIServices this server registers for itself, and what is to be done about one of them. Pure.

Rules: k8s.io/kube-aggregator/pkg/controllers/autoregister; numbers of CustomResourceDefinitions: k8s.io/kubernetes/pkg/
controlplane/controller/crdregistration. A label says who keeps an APIService: what has none is its creator's.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto

from sampan.apiserver.aggregation.backends import GROUP, GroupVersion
from sampan.apiserver.aggregation.priorities import CUSTOM_GROUP, CUSTOM_VERSION, builtin_priorities
from sampan.kinds.apiregistration.api_service import KIND as API_SERVICE
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.meta import Object, labels_of

MANAGED = "kube-aggregator.kubernetes.io/automanaged"
ON_START, ALWAYS = "onstart", "true"


class Step(Enum):
    """What to do about an APIService."""

    NOTHING = auto()
    CREATE = auto()
    UPDATE = auto()
    DELETE = auto()


def builtin_api_services(catalogue: Catalogue) -> dict[str, Object]:
    """By name, those of the versions that upstream registers; what serves APIServices has none."""
    places = {place for place in _builtin_places(catalogue) if place[0] != GROUP}
    made = (_made(place, builtin_priorities(*place), ON_START) for place in sorted(places))
    return {one["metadata"]["name"]: one for one in made if one is not None}


def _builtin_places(catalogue: Catalogue) -> Iterator[GroupVersion]:
    """Those that discovery shows to everybody: upstream has not removed them, and has not said when it will."""
    for kind in catalogue.builtin:
        yield from ((version.group, version.version) for version in kind.versions if not version.removed)


def custom_api_service(place: GroupVersion, definitions: Iterable[Object]) -> Object | None:
    """That of a version which some definition serves; None where none does."""
    return _made(place, (CUSTOM_GROUP, CUSTOM_VERSION), ALWAYS) if place in served_by(definitions) else None


def served_by(definitions: Iterable[Object]) -> set[GroupVersion]:
    """The groups and versions of CustomResourceDefinitions."""
    return {
        (definition["spec"]["group"], version["name"])
        for definition in definitions
        for version in definition["spec"]["versions"]
        if version.get("served")
    }


def step(current: Object | None, wanted: Object | None, *, at_start: bool, done: bool) -> Step:
    """`at_start`: the current one was there when the server started; `done`: it has been looked at since."""
    wanted_label = labels_of(wanted).get(MANAGED) if wanted else None
    if wanted_label == ON_START and done:
        return Step.NOTHING
    if current is None:
        return Step.CREATE if wanted else Step.NOTHING
    label = labels_of(current).get(MANAGED)
    if label not in (ON_START, ALWAYS) or (label == ON_START and (done or not at_start)):
        return Step.NOTHING
    if wanted is None:
        return Step.DELETE
    return Step.NOTHING if _same(current["spec"], wanted["spec"]) else Step.UPDATE


def name_of(place: GroupVersion) -> str:
    """The name of the APIService of a group and version."""
    return f"{place[1]}.{place[0]}"


def place_of(name: str) -> GroupVersion:
    """The group and version that an APIService's name stands for."""
    version, _, group = name.partition(".")
    return group, version


def _made(place: GroupVersion, priorities: tuple[int, int] | None, label: str) -> Object | None:
    if priorities is None:
        return None
    spec = {"version": place[1], "groupPriorityMinimum": priorities[0], "versionPriority": priorities[1]}
    return {
        "apiVersion": API_SERVICE.api_version,
        "kind": API_SERVICE.name,
        "metadata": {"name": name_of(place), "labels": {MANAGED: label}},
        "spec": {**({"group": place[0]} if place[0] else {}), **spec},
    }


def _same(one: Object, other: Object) -> bool:
    """Whether two specs mean the same: an empty field is none."""
    return {k: v for k, v in one.items() if v} == {k: v for k, v in other.items() if v}
