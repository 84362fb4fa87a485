"""The admission chain: plugins in a fixed order, each asked only about the resources that it registered for.

A plugin is a function that changes `admission.obj` (private to the request) or raises; it sees the world through
Services. Which plugins there are, and their order: order.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sampan.apiserver.call import Call
from sampan.apiserver.services import Services
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object


@dataclass(slots=True)
class Admission:
    """One write, in the storage version."""

    call: Call
    operation: str  # CREATE, UPDATE, DELETE or CONNECT
    kind: Kind
    obj: Object | None  # None for DELETE
    old: Object | None  # shared; None for CREATE
    subresource: str = ""
    dry_run: bool = False

    @property
    def new(self) -> Object:
        """The object of a create or update."""
        assert self.obj is not None
        return self.obj


Admit = Callable[[Services, Admission], None]


class Plugin(NamedTuple):
    """`resources` are (group, plural[/subresource]) places; empty means all."""

    name: str
    admit: Admit
    operations: frozenset[str]
    resources: frozenset[tuple[str, str]] = frozenset()
    by_flag: bool = False  # whether it runs only where an administrator asks for it

    def concerns(self, operation: str, place: tuple[str, str]) -> bool:
        """Whether it is asked about this."""
        return operation in self.operations and (not self.resources or place in self.resources)


def admit(services: Services, admission: Admission) -> None:
    """Run every plugin that is concerned; raises what the first of them raises."""
    kind = admission.kind
    place = f"{kind.plural}/{admission.subresource}" if admission.subresource else kind.plural
    for plugin in services.plugins:
        if plugin.concerns(admission.operation, (kind.group, place)):
            plugin.admit(services, admission)
