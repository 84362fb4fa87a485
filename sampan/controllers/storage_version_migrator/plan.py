"""Which step a migration is to take, and the conditions that tell of it. Pure; called by controller.py.

One migration of a resource runs at a time, the oldest first. It notes the newest revision there is before it begins:
what was written later needs no writing again, so it may be interrupted and taken up anywhere.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum

from sampan.machinery.conditions import FALSE, TRUE, find
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, format_time

RUNNING, SUCCEEDED, FAILED = "Running", "Succeeded", "Failed"
VERBS = ("update", "patch", "list")
_UNHANDLED = "migration encountered unhandled error: "


class Step(Enum):
    """What comes next for a migration."""

    NONE = "none"  # it is over, or not its turn
    START = "start"
    CHECKPOINT = "checkpoint"  # note the revision
    MIGRATE = "migrate"
    FINISH = "finish"  # tell that it runs no more


def next_step(migration: Object, others: Iterable[Object]) -> Step:
    """`others` may contain any migrations, this one among them."""
    running = is_true(migration, RUNNING)
    if is_over(migration):
        return Step.FINISH if running else Step.NONE
    if running:
        return Step.MIGRATE if status_of(migration).get("resourceVersion") else Step.CHECKPOINT
    waiting = [one for one in others if resource_of(one) == resource_of(migration) and not is_over(one)]
    first = not any(is_true(one, RUNNING) for one in waiting) and min(map(_age, waiting)) == _age(migration)
    return Step.START if first else Step.NONE


def resource_of(migration: Object) -> tuple[str, str]:
    """Group and plural."""
    resource = migration["spec"]["resource"]
    return resource.get("group") or "", resource["resource"]


def status_of(migration: Object) -> Object:
    """The status; empty where there is none yet."""
    return migration.get("status") or {}


def is_true(migration: Object, type: str) -> bool:
    """Whether a condition is true."""
    found = find(status_of(migration).get("conditions") or (), type)
    return found is not None and found["status"] == TRUE


def is_over(migration: Object) -> bool:
    """Whether it has come to an end, a good or a bad one."""
    return is_true(migration, SUCCEEDED) or is_true(migration, FAILED)


def matters(old: Object, new: Object) -> bool:
    """Whether an update is more than news of how a migration gets on."""
    return _facts(old) != _facts(new)


def _facts(migration: Object) -> tuple[object, ...]:
    true = tuple(is_true(migration, type) for type in (RUNNING, SUCCEEDED, FAILED))
    return *true, status_of(migration).get("resourceVersion")


def _age(migration: Object) -> tuple[str, str]:
    return migration["metadata"]["creationTimestamp"], migration["metadata"]["name"]


def find_kind(kinds: Iterable[Kind], resource: tuple[str, str]) -> Kind | None:
    """The kind that a migration is about."""
    group, plural = resource
    return next((k for k in kinds if k.plural == plural and any(v.group == group for v in k.versions)), None)


def why_not(kind: Kind) -> str:
    """Why the objects of a kind can't be migrated; "" where they can."""
    if set(VERBS) <= set(kind.verbs):
        return ""
    return f'resource "{_shown(kind)}" does not support discovery operations: [{" ".join(VERBS)}]'


def wrong_revision(kind: Kind, revision: str) -> str:
    """Why nothing can be told from the revision that a server has answered with."""
    return f"latest resourceVersion for {_shown(kind)} is not valid: resource version is not well formed: {revision}"


def _shown(kind: Kind) -> str:
    """As upstream writes a resource in a version."""
    return f"{kind.group}/{kind.storage.version}, Resource={kind.plural}"


def older(objects: Iterable[Object], revision: str) -> list[Object]:
    """Those written before the checkpoint, or at it. Raises ValueError where a server has other revisions."""
    limit = _place(revision)
    return [one for one in objects if _place(one["metadata"].get("resourceVersion") or "") <= limit]


def is_revision(text: str) -> bool:
    """Whether a revision can be compared: a number that is not 0."""
    return text.isascii() and text.isdigit() and text[0] != "0"


def _place(revision: str) -> tuple[int, str]:
    """Orders revisions by their value, without reading numbers of any length."""
    if not is_revision(revision):
        raise ValueError(f"resource version is not well formed: {revision}")
    return len(revision), revision


def running(left: int = 0, total: int = 0, error: str = "") -> tuple[str, ...]:
    """The condition of a migration that runs: how many objects are left, and what stands in the way for now."""
    message = "The migration is running"
    if total:
        message += f", {left}/{total} objects not yet migrated" if left else f", {total} objects verified migrated"
    return RUNNING, TRUE, "MigrationRunning", message + (f"; transient error: {error}" if error else "")


def succeeded() -> tuple[str, ...]:
    """The condition of a migration that is done."""
    return SUCCEEDED, TRUE, "StorageVersionMigrationSucceeded", "Migration completed"


def failed(error: str, left: int | None = None, total: int = 0) -> tuple[str, ...]:
    """The condition of a migration that has failed, after it began to write where `left` is told."""
    begun = "" if left is None else f"{left}/{total} not yet migrated. "
    return unable(f"{begun}{_UNHANDLED}{error}")


def unable(message: str) -> tuple[str, ...]:
    """The condition of a migration that can't be."""
    return FAILED, TRUE, "StorageVersionMigrationFailed", message


def finished() -> tuple[str, ...]:
    """The condition of a migration that is over: it runs no more."""
    return RUNNING, FALSE, "MigrationCompleted", "Migration completed"


def with_conditions(migration: Object, now: datetime, *told: tuple[str, ...]) -> Object:
    """The migration with conditions as given; the time of one moves with its status only."""
    conditions = list(status_of(migration).get("conditions") or ())
    for type, status, reason, message in told:
        old = find(conditions, type)
        since = old["lastTransitionTime"] if old is not None and old["status"] == status else format_time(now)
        new = {"type": type, "status": status, "lastTransitionTime": since, "reason": reason, "message": message}
        conditions = [new if one is old else one for one in conditions] + ([] if old is not None else [new])
    return {**migration, "status": {**status_of(migration), "conditions": conditions}}
