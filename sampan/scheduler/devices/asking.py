"""What claims ask for, in the allocator's terms. Pure; texts are upstream's."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sampan.machinery.meta import Object, key_of

ClassOf = Callable[[str], Object | None]
MOST_RESULTS = 32  # devices of a claim
MOST_ASKED = 4_000  # requests and selectors of all claims of a pod: a few milliseconds to read


class AllocationError(Exception):
    """Something is wrong with a claim or a class, so that looking at other nodes is of no use."""


@dataclass(frozen=True, slots=True)
class Selector:
    """An expression, and whose it is, for messages."""

    expression: str
    owner: str  # "class x" or "claim namespace/x"
    index: int


@dataclass(frozen=True)
class Asked:
    """A request, or one of the choices within a request."""

    name: str  # as results have it: "request" or "request/choice"
    short: str  # as messages have it
    device_class: Object
    selectors: tuple[Selector, ...]
    wants_all: bool
    count: int  # 0 for all
    admin: bool
    tolerations: Sequence[Object]

    @cached_property
    def wish(self) -> Hashable:
        """The same for requests that the same devices will do for."""
        expressions = tuple(selector.expression for selector in self.selectors)
        return expressions, self.wants_all, self.admin, str(self.tolerations)

    @property
    def names(self) -> tuple[str, ...]:
        """What constraints and configurations may call it."""
        request, slash, _ = self.name.partition("/")
        return (request, self.name) if slash else (self.name,)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim without devices. Each request is a list of choices, of which the first that can be had counts."""

    object: Object
    requests: Sequence[Sequence[Asked]]

    @property
    def name(self) -> str:
        """As messages have it."""
        return str(key_of(self.object))


def read(claim: Object, class_of: ClassOf) -> Claim:
    """A claim in these terms. Raises AllocationError."""
    name = str(key_of(claim))
    return Claim(claim, [tuple(_choices(name, request, class_of)) for request in requests_of(claim)])


def requests_of(claim: Object) -> Sequence[Object]:
    """spec.devices.requests."""
    return (claim["spec"].get("devices") or {}).get("requests") or ()


def is_too_much(claims: Iterable[Object], class_of: ClassOf) -> bool:
    """Whether claims ask for more than anybody should wait for them to be read."""
    left = MOST_ASKED
    for claim in claims:
        for request in requests_of(claim):
            for asked in (request.get("exactly"), *(request.get("firstAvailable") or ())):
                device_class = class_of((asked or {}).get("deviceClassName") or "")
                left -= 1 + len((asked or {}).get("selectors") or ())
                left -= len(device_class["spec"].get("selectors") or ()) if device_class else 0
        if left < 0:
            return True
    return False


def classes_of(claim: Object) -> Iterator[tuple[str, str]]:
    """The classes that a claim names, each with the request that does."""
    for request in requests_of(claim):
        if exactly := request.get("exactly"):
            yield request["name"], exactly.get("deviceClassName") or ""
        for choice in request.get("firstAvailable") or ():
            yield f"{request['name']}/{choice['name']}", choice.get("deviceClassName") or ""


def _choices(claim: str, request: Object, class_of: ClassOf) -> Iterator[Asked]:
    if exactly := request.get("exactly"):
        yield _asked(claim, request["name"], request["name"], exactly, class_of)
    for choice in request.get("firstAvailable") or ():
        yield _asked(claim, f"{request['name']}/{choice['name']}", choice["name"], choice, class_of)


def _asked(claim: str, name: str, short: str, asked: Object, class_of: ClassOf) -> Asked:
    where = f"claim {claim}, request {short}"
    if asked.get("capacity"):
        raise AllocationError(f"{where}: has capacity requests, but the DRAConsumableCapacity feature is disabled")
    class_name = asked.get("deviceClassName") or ""
    if (device_class := class_of(class_name)) is None:
        not_found = f'deviceclass.resource.k8s.io "{class_name}" not found'
        raise AllocationError(f"{where}: could not retrieve device class {class_name}: {not_found}")
    selectors = (
        *_selectors(device_class["spec"].get("selectors"), f"class {class_name}", f"class {class_name}"),
        *_selectors(asked.get("selectors"), f"claim {claim}", where),
    )
    mode = asked.get("allocationMode") or "ExactCount"
    if mode not in ("All", "ExactCount"):
        raise AllocationError(f"{where}: unsupported count mode {mode}")
    wants_all = mode == "All"
    count = 0 if wants_all else max(asked.get("count") or 1, 1)
    admin, tolerations = bool(asked.get("adminAccess")), tuple(asked.get("tolerations") or ())
    return Asked(name, short, device_class, selectors, wants_all, count, admin, tolerations)


def _selectors(selectors: Sequence[Object] | None, owner: str, where: str) -> Iterator[Selector]:
    for index, selector in enumerate(selectors or ()):
        if selector.get("cel") is None:
            raise AllocationError(f"{where}, selector #{index}: CEL expression empty (unsupported selector type?)")
        yield Selector(selector["cel"].get("expression") or "", owner, index)


def tolerates(tolerations: Sequence[Object], taint: Mapping[str, str]) -> bool:
    """Whether any of them is for this taint (upstream's resourceclaim.ToleratesTaint)."""
    return any(_is_for(toleration, taint) for toleration in tolerations)


def _is_for(toleration: Object, taint: Mapping[str, str]) -> bool:
    if any(toleration.get(field) not in (None, "", taint[field]) for field in ("effect", "key")):
        return False
    operator = toleration.get("operator") or "Equal"
    same = (toleration.get("value") or "") == (taint.get("value") or "")
    return operator == "Exists" or (operator == "Equal" and same)
