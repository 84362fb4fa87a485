"""Steps of the create and update strategies that several kinds share: statuses and generations."""

from sampan.machinery.kind import PrepareCreate
from sampan.machinery.meta import Object
from sampan.machinery.tree import semantic_equal


def fresh_status(**status: object) -> PrepareCreate:
    """A new object has the status that its controller has not written yet, whatever the client sent."""

    def prepare(obj: Object) -> None:
        obj["status"] = dict(status)

    return prepare


_USERS_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")


def keep_metadata(new: Object, old: Object) -> None:
    """A write of the status leaves the metadata alone that users write: metav1.ResetObjectMetaForStatus."""
    after, before = new["metadata"], old["metadata"]
    for field in _USERS_METADATA:
        if field in before:
            after[field] = before[field]
        else:
            after.pop(field, None)


def bump_for_metadata(new: Object, old: Object, *fields: str) -> None:
    """Count a change of metadata as a new generation, too; the API server counts those of everything else."""
    after, before = new["metadata"], old["metadata"]
    metadata_changed = any(not semantic_equal(after.get(field), before.get(field)) for field in fields)
    if metadata_changed and _desired(new) == _desired(old):
        after["generation"] = before.get("generation", 0) + 1


def _desired(obj: Object) -> Object:
    return {k: v for k, v in obj.items() if k not in ("apiVersion", "kind", "metadata", "status")}
