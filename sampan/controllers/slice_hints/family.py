"""The slices of one Service and one address type while hints are being decided; hints are given per address type."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sampan.machinery.meta import Object

HintsOf = Callable[[Object], Object]  # the hints that an endpoint should have; {} for none


@dataclass(frozen=True, slots=True)
class Family:
    """Slices to write, and those that need no write so far."""

    address_type: str
    create: list[Object]
    update: list[Object]
    unchanged: list[Object]

    def told(self, message: str) -> str:
        """A message about these slices."""
        return f"{message}, addressType: {self.address_type}"

    def hinted(self, hints: HintsOf) -> "Family":
        """With hints on all that is written, and on what would have other ones."""
        right = [one for one in self.unchanged if not _differs(one, hints)]
        wrong = [one for one in self.unchanged if _differs(one, hints)]
        update = [_with_hints(one, hints) for one in (*self.update, *wrong)]
        return replace(self, create=[_with_hints(one, hints) for one in self.create], update=update, unchanged=right)


def is_ready(endpoint: Object) -> bool:
    """Whether an endpoint counts; one that does not say so does not."""
    return (endpoint.get("conditions") or {}).get("ready") is True


def _differs(one: Object, hints: HintsOf) -> bool:
    return any((endpoint.get("hints") or {}) != hints(endpoint) for endpoint in one.get("endpoints") or ())


def _with_hints(one: Object, hints: HintsOf) -> Object:
    return {**one, "endpoints": [_hint(endpoint, hints(endpoint)) for endpoint in one.get("endpoints") or ()]}


def _hint(endpoint: Object, hints: Object) -> Object:
    rest = {name: value for name, value in endpoint.items() if name != "hints"}
    return rest | ({"hints": hints} if hints else {})
