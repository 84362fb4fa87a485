"""What a StatefulSet does next: one thing after the other, or as much as it can at once (podManagementPolicy). Pure.

Ordered, nothing is done to a pod until all before it are available: pods come from the lowest place up and go from the
highest down, scaling before updating. Rules: docs, StatefulSets, "Deployment and Scaling Guarantees".
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from sampan.controllers.pod_control import BURST
from sampan.controllers.pods import is_available, is_finished, is_ready, phase_of
from sampan.controllers.stateful_set.claims import claims_for, is_stale
from sampan.controllers.stateful_set.pods import ordinal_of, ordinals_of, pod_for
from sampan.machinery.meta import Object, is_deleting


class Revision(NamedTuple):
    """A ControllerRevision's name, and the template that it keeps."""

    name: str
    template: Object


@dataclass(frozen=True)
class View:
    """All that is known of one StatefulSet."""

    stateful_set: Object
    pods: Sequence[Object]
    current: Revision  # that the pods had before the update that is going on
    update: Revision
    claim: Callable[[str], Object | None]  # one of its namespace, by name
    now: datetime

    @property
    def is_parallel(self) -> bool:
        """Whether pods need not wait for each other."""
        return bool(self.stateful_set["spec"].get("podManagementPolicy") == "Parallel")

    @property
    def ordinals(self) -> range:
        """The places that are wanted."""
        return ordinals_of(self.stateful_set)

    @cached_property
    def by_ordinal(self) -> dict[int, Object]:
        """The pods by their places, wanted or not."""
        places = ((ordinal_of(self.stateful_set, pod), pod) for pod in self.pods)
        return dict(sorted((ordinal, pod) for ordinal, pod in places if ordinal is not None))

    @cached_property
    def replicas(self) -> dict[int, Object]:
        """The pods at places that are wanted, from the lowest up."""
        return {ordinal: pod for ordinal, pod in self.by_ordinal.items() if ordinal in self.ordinals}

    @cached_property
    def condemned(self) -> dict[int, Object]:
        """The pods at places that are not, from the highest down."""
        others = {ordinal: pod for ordinal, pod in self.by_ordinal.items() if ordinal not in self.ordinals}
        return dict(reversed(others.items()))

    def is_available(self, pod: Object) -> bool:
        """Whether it has been ready for long enough, and is to stay."""
        seconds = self.stateful_set["spec"].get("minReadySeconds") or 0
        return not is_deleting(pod) and is_available(pod, seconds, self.now)

    def new_pod(self, ordinal: int) -> Object:
        """The pod for a place, by the old template where the update does not reach it."""
        revision = self.current if self._keeps_old(ordinal) else self.update
        return pod_for(self.stateful_set, revision.template, revision.name, ordinal)

    def _keeps_old(self, ordinal: int) -> bool:
        strategy, start = self.stateful_set["spec"].get("updateStrategy") or {}, self.ordinals.start
        rolling = strategy.get("rollingUpdate")
        if rolling is not None:
            return ordinal < start + (rolling.get("partition") or 0)
        old = (self.stateful_set.get("status") or {}).get("currentReplicas") or 0
        return strategy.get("type") == "RollingUpdate" and ordinal < start + old


@dataclass(slots=True)
class Plan:
    """What is to be done; in this order."""

    create: list[Object] = field(default_factory=list)
    tend: list[int] = field(default_factory=list)  # places whose pod and claims are made as they should be
    delete: list[Object] = field(default_factory=list)
    outdated: list[Object] = field(default_factory=list)  # deleted, too, to come back by the new template
    is_held: bool = False  # whether an update waits for what this does


def plan(seen: View) -> Plan:
    """The next steps, but for `outdated` (update.py). A set that is being deleted leaves its pods alone."""
    decided = Plan()
    if is_deleting(seen.stateful_set):
        decided.is_held = True
    elif seen.is_parallel:
        _all_at_once(seen, decided)
    else:
        decided.is_held = not (_upwards(seen, decided) and _downwards(seen, decided))
    return decided


def _upwards(seen: View, decided: Plan) -> bool:
    """Up to the first place whose pod is not available; whether there is none."""
    for ordinal in seen.ordinals:
        pod = seen.replicas.get(ordinal)
        if pod is None:
            decided.create += [] if _waits_for_claim(seen, ordinal) else [seen.new_pod(ordinal)]
            return False
        if is_finished(pod):
            decided.delete += [] if is_deleting(pod) else [pod]
            return False
        if phase_of(pod) == "Pending" or seen.is_available(pod):
            decided.tend.append(ordinal)
        if not _runs(pod) or not seen.is_available(pod):
            return False
    return True


def _downwards(seen: View, decided: Plan) -> bool:
    """Delete the highest pod too many, unless one below is not available either; whether there are none too many."""
    decided.tend += seen.condemned
    lowest = next((pod for pod in reversed(seen.condemned.values()) if not seen.is_available(pod)), None)
    highest = next(iter(seen.condemned.values()), None)
    if highest is None:
        return True
    is_sound = _runs(highest) and seen.is_available(highest)
    if not is_deleting(highest) and (is_sound or highest is lowest or is_finished(highest)):
        decided.delete.append(highest)  # upstream waits for ever where two of these have ended
    return False


def _all_at_once(seen: View, decided: Plan) -> None:
    decided.create += islice((seen.new_pod(ordinal) for ordinal in _missing(seen)), BURST)
    for ordinal, pod in seen.replicas.items():
        if not is_finished(pod):
            decided.tend.append(ordinal)
        elif not is_deleting(pod):
            decided.delete.append(pod)
    decided.tend += seen.condemned
    decided.delete += (pod for pod in seen.condemned.values() if not is_deleting(pod))


def _missing(seen: View) -> Iterator[int]:
    return (o for o in seen.ordinals if o not in seen.replicas and not _waits_for_claim(seen, o))


def _waits_for_claim(seen: View, ordinal: int) -> bool:
    """Whether a claim of that place is about to go with the pod that was there."""
    name = f"{seen.stateful_set['metadata']['name']}-{ordinal}"
    claims = (seen.claim(claim["metadata"]["name"]) for claim in claims_for(seen.stateful_set, ordinal))
    return any(claim is not None and is_stale(seen.stateful_set, name, claim) for claim in claims)


def _runs(pod: Object) -> bool:
    return phase_of(pod) == "Running" and is_ready(pod)
