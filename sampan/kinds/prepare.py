"""Steps of the create and update strategies that several kinds share: statuses, generations, metadata that is kept."""

from collections.abc import Callable

from sampan.machinery.kind import PrepareCreate, PrepareUpdate, desired
from sampan.machinery.meta import Object

# What ResetObjectMetaForStatus of k8s.io/apimachinery keeps.
STATUS_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")


def fresh_status(**status: object) -> PrepareCreate:
    """A new object has the status that its controller has not written yet, whatever the client sent."""

    def prepare(obj: Object) -> None:
        obj["status"] = dict(status)

    return prepare


def counting_metadata(*fields: str) -> Callable[[Object], Object]:
    """For `Kind.counted`: a change of these fields of the metadata is a new generation, too."""

    def counted(obj: Object) -> Object:
        return {**desired(obj), "metadata": {field: obj["metadata"].get(field) for field in fields}}

    return counted


def keeping_metadata(*fields: str) -> PrepareUpdate:
    """For `Kind.prepare_status_update`: who writes a status leaves these fields of the metadata as they are."""

    def prepare(new: Object, old: Object) -> None:
        after, before = new["metadata"], old["metadata"]
        for field in fields:
            if field in before:
                after[field] = before[field]
            else:
                after.pop(field, None)

    return prepare


def in_metadata(*fields: str) -> tuple[tuple[str, ...], ...]:
    """For `Kind.reset_fields`: the paths of fields of the metadata."""
    return tuple(("metadata", field) for field in fields)
