"""How long a daemon pod that failed is left before it is replaced, so that a node that refuses it is not flooded.

The numbers are upstream's: the first failure costs nothing, then 1 s doubling to 15 minutes for each DaemonSet and
node, until there has been none for twice as long. Pure but for memory. Used by controller.py.
"""

from typing import NamedTuple

from sampan.machinery.meta import Key

FIRST, LONGEST = 1.0, 900.0  # seconds


class _Failure(NamedTuple):
    at: float
    wait: float


class FailureBackOff:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self._failures: dict[Key, dict[str, _Failure]] = {}

    def failed(self, daemon_set: Key, node: str, now: float) -> None:
        """A failed pod of this node is being replaced."""
        nodes = self._failures.setdefault(daemon_set, {})
        before = nodes.get(node)
        nodes[node] = _Failure(now, min(before.wait * 2, LONGEST) if before else FIRST)

    def held(self, daemon_set: Key, now: float) -> dict[str, float]:
        """The nodes on which a failed pod stays for now, and for how many seconds."""
        nodes = self._failures.get(daemon_set, {})
        for name in [name for name, failure in nodes.items() if now - failure.at > 2 * LONGEST]:
            del nodes[name]
        return {name: left for name, failure in nodes.items() if (left := failure.at + failure.wait - now) > 0}

    def forget(self, daemon_set: Key) -> None:
        """The DaemonSet is gone."""
        self._failures.pop(daemon_set, None)
