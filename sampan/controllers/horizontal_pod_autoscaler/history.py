"""What the controller remembers of an autoscaler: what was recommended and what was done, and when. In memory only.

After a restart it knows the number of pods that it finds, as upstream does.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Sample(NamedTuple):
    """Replicas at a time, in seconds of the monotonic clock."""

    replicas: int
    at: float


@dataclass(slots=True)
class History:
    """Of one autoscaler. `added` and `removed` are changes in the number of pods, where it has a behavior."""

    recommended: list[Sample] = field(default_factory=list)
    added: list[Sample] = field(default_factory=list)
    removed: list[Sample] = field(default_factory=list)

    def begin(self, current: int, now: float) -> None:
        """The pods that are there at first count as recommended, so that a restart takes none of them away."""
        if not self.recommended:
            self.recommended.append(Sample(current, now))

    def recommend(self, replicas: int, now: float, window: float) -> None:
        """Remember what the metrics ask for, and forget what is older than all windows."""
        self.recommended = [*_since(self.recommended, now - window), Sample(replicas, now)]

    def scaled(self, before: int, after: int, now: float, period: float) -> None:
        """Remember a change; `period` is the longest of the policies in its direction.

        It takes the place of one that is older, although policies of the other direction may still look at that: so
        does upstream, and how fast it may go depends on it.
        """
        changes, change = self.added if after > before else self.removed, Sample(abs(after - before), now)
        old = [place for place, sample in enumerate(changes) if sample.at < now - period]
        if old:
            changes[old[-1]] = change
        else:
            changes.append(change)


def _since(samples: list[Sample], start: float) -> list[Sample]:
    return [sample for sample in samples if sample.at >= start]
