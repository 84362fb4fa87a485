"""What a migration of custom resources means for their definition: a condition, and which versions are still stored.

Pure; called by controller.py.
"""

from datetime import datetime

from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.machinery.conditions import FALSE, TRUE, find
from sampan.machinery.meta import Object, format_time

MANAGER = "migration-runner-controller"
_TYPE = "StorageMigrating"


def begun(definition: Object, migration: str, now: datetime) -> Object:
    """What to apply while a migration of this name runs."""
    return _applied(definition, now, TRUE, "MigrationRunning", f"Migration {migration} is running")


def ended(definition: Object, now: datetime, *, success: bool) -> Object:
    """What to apply once it is over. Only the storage version is stored any more, if it is still what it was then."""
    if not success:
        return _applied(definition, now, FALSE, "MigrationFailed", "The migration has failed")
    same = _seen(definition) == _generation(definition)
    told = "and the stored versions have been updated"
    if not same:
        told = "but the stored versions have not been updated due to a generation mismatch"
    made = _applied(definition, now, FALSE, "MigrationSucceeded", f"The migration has succeeded {told}")
    if same:
        made["status"]["storedVersions"] = [one["name"] for one in definition["spec"]["versions"] if one["storage"]]
    return made


def _seen(definition: Object) -> int | None:
    """The generation that the migration began with."""
    found = find((definition.get("status") or {}).get("conditions") or (), _TYPE)
    return None if found is None else found.get("observedGeneration") or 0


def _generation(definition: Object) -> int:
    return definition["metadata"].get("generation") or 0


def _applied(definition: Object, now: datetime, status: str, reason: str, message: str) -> Object:
    """Nothing else may have changed meanwhile: the generation that is told is that of what was looked at."""
    condition = {
        "type": _TYPE,
        "status": status,
        "lastTransitionTime": format_time(now),
        "reason": reason,
        "message": message,
        "observedGeneration": _generation(definition),
    }
    meta = definition["metadata"]
    return {
        "apiVersion": DEFINITION.api_version,
        "kind": DEFINITION.name,
        "metadata": {"name": meta["name"], "resourceVersion": meta["resourceVersion"]},
        "status": {"conditions": [condition]},
    }
