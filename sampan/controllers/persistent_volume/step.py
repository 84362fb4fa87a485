"""What the plans for claims and volumes ask for. Pure; controller.py does it."""

from typing import NamedTuple

from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.reconcile.events import PlannedEvent


class Write(NamedTuple):
    """An update, on the condition that nobody else has changed the object."""

    kind: Kind
    obj: Object
    subresource: str = ""


class Told(NamedTuple):
    """An event about an object."""

    about: Object
    event: PlannedEvent


class Step(NamedTuple):
    """At most one write, then what is told once it has succeeded."""

    write: Write | None = None
    told: tuple[Told, ...] = ()
    again: bool = False  # look again at what has been written: there may be more to do
    reclaim: bool = False  # the volume is nobody's: do with it as its policy says


NOTHING = Step()


def tell(about: Object, type: str, reason: str, message: str) -> Told:
    """An event about `about`."""
    return Told(about, PlannedEvent(type, reason, message))
