"""What the controller remembers of a node between two looks. All of it may be lost: a restart begins to count anew.

Called by controller.py.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sampan.controllers.attach_detach.attachments import State, Volume, state_of
from sampan.machinery.meta import Object
from sampan.reconcile.events import PlannedEvent

Told = tuple[Object, PlannedEvent]


@dataclass(slots=True)
class Memory:
    """Of one node."""

    known: dict[str, Volume] = field(default_factory=dict)  # by the names of attachments: volumes may go before them
    states: dict[Volume, tuple[tuple[bool, State], float]] = field(default_factory=dict)  # ... and since when
    used: Collection[str] = ()  # what the node had in use, for when it is gone
    told: set[tuple[str, PlannedEvent]] = field(default_factory=set)  # the last time, by the uids of pods

    def ours(self, attachments: Iterable[Object], volumes: Iterable[Volume], node: str) -> dict[Volume, Object]:
        """The attachments whose names we would give them; others are somebody else's."""
        names = self.known | {volume.attachment_name(node): volume for volume in volumes}
        found = {one["metadata"]["name"]: one for one in attachments}
        self.known = {name: volume for name, volume in names.items() if name in found}
        return {volume: found[name] for name, volume in self.known.items()}

    def ages(
        self, wanted: Collection[Volume], attachments: Mapping[Volume, Object], now: float
    ) -> Callable[[Volume], float]:
        """For how many seconds each attachment has been as it is, and wanted or not."""
        before, self.states = self.states, {}
        for volume, attachment in attachments.items():
            state = (volume in wanted, state_of(attachment))
            was, since = before.get(volume, (state, now))
            self.states[volume] = (state, since if was == state else now)
        return lambda volume: now - self.states[volume][1]

    def news(self, told: Iterable[Told]) -> list[Told]:
        """What was not said already the last time."""
        said = {(pod["metadata"]["uid"], event): (pod, event) for pod, event in told}
        new = [item for key, item in said.items() if key not in self.told]
        self.told = set(said)
        return new
