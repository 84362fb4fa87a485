"""What a Deployment needs next: one pure function from what there is to what is to be written.

Called by controller.py, which writes it. At most one step of scaling is planned at a time, as upstream does: the next
follows when the informers show what this one did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sampan.controllers.deployment import revision, rollout
from sampan.controllers.deployment import status as progress
from sampan.controllers.deployment.rollout import Sizes, name_of, size_of
from sampan.machinery.meta import Object
from sampan.reconcile.action import WAIT, Action


@dataclass(frozen=True, slots=True)
class Resize:
    """A ReplicaSet in its old and its new form; the sizes differ unless only annotations do."""

    old: Object
    new: Object


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, in this order."""

    deployment: Object  # with the status and the revision annotation that it is to have
    create: Object | None = None
    resize: Sequence[Resize] = ()
    delete: Sequence[Object] = ()
    then: Action = WAIT


@dataclass(frozen=True, slots=True)
class _Sets:
    """The ReplicaSets of a Deployment; `new` may exist only in the plan yet."""

    new: Object | None
    old: Sequence[Object]
    create: bool = False

    @property
    def every(self) -> list[Object]:
        return [*([self.new] if self.new else []), *self.old]


def plan(deployment: Object, sets: Sequence[Object], old_pods_run: bool, now: datetime) -> Plan:
    """The next step. `old_pods_run`: whether pods of other than the current ReplicaSet are still there (Recreate)."""
    deployment = progress.with_pause_noted(deployment, now)
    new = revision.current_of(deployment, sets)
    found = _Sets(new, [rs for rs in sets if rs is not new])
    if deployment["spec"].get("paused") or rollout.is_scaling(deployment, sets):
        return _scaled(deployment, found, now)
    if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        return _recreated(deployment, found, old_pods_run, now)
    return _rolled(deployment, found, now)


def _scaled(deployment: Object, found: _Sets, now: datetime) -> Plan:
    current = _with_revision(deployment, found)
    sizes = rollout.scale(deployment, current.new, current.old)
    deployment = _noted(deployment, current, now)
    status = progress.counted(deployment, found.new, found.old, now)
    delete = revision.superseded(deployment, found.old) if deployment["spec"].get("paused") else ()
    resize = _resized(deployment, found, current, sizes, every=True)
    return Plan({**deployment, "status": status}, None, resize, delete)


def _recreated(deployment: Object, found: _Sets, old_pods_run: bool, now: datetime) -> Plan:
    sizes = {name_of(rs): 0 for rs in found.old if size_of(rs)}
    if sizes or old_pods_run:
        return _step(deployment, found, _with_revision(deployment, found), sizes, now)
    current = _with_revision(deployment, found, create=True)
    assert current.new is not None
    return _step(deployment, found, current, rollout.grow_new(deployment, current.new, current.old), now)


def _rolled(deployment: Object, found: _Sets, now: datetime) -> Plan:
    current = _with_revision(deployment, found, create=True)
    assert current.new is not None
    sizes = rollout.grow_new(deployment, current.new, current.old)
    return _step(deployment, found, current, sizes or rollout.shrink_old(deployment, current.new, current.old), now)


def _with_revision(deployment: Object, found: _Sets, *, create: bool = False) -> _Sets:
    """The sets with the current one in today's form: annotated, or made."""
    number = revision.latest_revision(found.old) + 1
    if found.new is not None:
        return _Sets(revision.annotated(deployment, found.new, number), found.old)
    if not create:
        return found
    size = rollout.next_size_of_new(deployment, 0, rollout.total(found.old))
    made = revision.new_replica_set(deployment, number, size, rollout.maximum_of(deployment))
    return _Sets(made, found.old, create=True)


def _step(deployment: Object, found: _Sets, current: _Sets, sizes: Sizes, now: datetime) -> Plan:
    deployment = _noted(deployment, current, now)
    status = progress.rolled_out(deployment, current.new, current.old, now)
    done = not sizes and progress.is_complete(deployment, status)
    return Plan(
        {**deployment, "status": status},
        current.new if current.create else None,
        _resized(deployment, found, current, sizes),
        revision.superseded(deployment, found.old) if done else (),
        progress.next_check(deployment, status, now),
    )


def _noted(deployment: Object, current: _Sets, now: datetime) -> Object:
    """The Deployment with the revision of the current ReplicaSet and the note that it was made or found."""
    if current.new is None:
        return deployment
    numbered = revision.with_revision(deployment, current.new)
    return progress.with_new_set_noted(numbered, name_of(current.new), created=current.create, now=now)


def _resized(deployment: Object, found: _Sets, current: _Sets, sizes: Sizes, *, every: bool = False) -> list[Resize]:
    """Each ReplicaSet that changes, once, with all its changes. `every`: size annotations of all that have pods."""
    wanted, maximum = rollout.wanted_of(deployment), rollout.maximum_of(deployment)
    changed = []
    for old, new in zip(found.every, current.every if found.new else current.old, strict=True):
        size = sizes.get(name_of(old))
        if size is not None or (every and size_of(old)):
            new = revision.with_sizes(new, wanted, maximum)
        if size is not None:
            new = {**new, "spec": {**new["spec"], "replicas": size}}
        if new is not old:
            changed.append(Resize(old, new))
    return changed
