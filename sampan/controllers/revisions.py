"""ControllerRevisions: the templates that a DaemonSet or StatefulSet has had, for its rollbacks. Pure.

A revision's data is a strategic merge patch that puts its template back. Rules: docs, Perform a Rollback on a
DaemonSet, "Understanding DaemonSet revisions"; upstream's pkg/controller/history.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from sampan.controllers.deployment.revision import template_hash
from sampan.kinds.apps.controller_revision import KIND
from sampan.machinery.meta import Object, controller_ref, labels_of
from sampan.machinery.tree import semantic_equal

HASH_LABEL = "controller-revision-hash"


class Current(NamedTuple):
    """The revision of today's template, and whether it has to be created or updated first."""

    revision: Object
    create: bool = False
    update: bool = False

    @property
    def hash(self) -> str:
        """The label of pods of this revision."""
        return labels_of(self.revision)[HASH_LABEL]


def data_of(owner: Object) -> Object:
    """What a revision keeps of its owner; fields in the order of the alphabet, for clients compare it byte by byte."""
    data = {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}}
    ordered: Object = orjson.loads(orjson.dumps(data, option=orjson.OPT_SORT_KEYS))
    return ordered


def number_of(revision: Object) -> int:
    """The revision's number."""
    return int(revision.get("revision") or 0)


def current(owner: Object, revisions: Sequence[Object]) -> Current:
    """The revision that has the owner's template, with the highest number of all; an old one comes back by rising."""
    newest, data = max(map(number_of, revisions), default=0), data_of(owner)
    same = [one for one in revisions if semantic_equal(one.get("data"), data)]
    if not same:
        return Current(_new(owner, data, newest + 1), create=True)
    found = max(same, key=number_of)
    if number_of(found) == newest:
        return Current(found)
    return Current({**found, "revision": newest + 1}, update=True)


def _new(owner: Object, data: Object, number: int) -> Object:
    collisions = (owner.get("status") or {}).get("collisionCount") or 0
    label = template_hash(data, collisions)
    meta = owner["metadata"]
    template_labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return {
        "apiVersion": KIND.api_version,
        "kind": KIND.name,
        "metadata": {
            "name": f"{meta['name']}-{label}",
            "namespace": meta["namespace"],
            "labels": {**template_labels, HASH_LABEL: label},
            "annotations": dict(meta.get("annotations") or {}),
            "ownerReferences": [controller_ref(owner)],
        },
        "data": data,
        "revision": number,
    }


def obsolete(revisions: Iterable[Object], limit: int | None, used: Iterable[str]) -> list[Object]:
    """The oldest revisions beyond `limit`, without those whose hash is in `used` (by pods, or as the current one)."""
    live = set(used)
    spare = sorted((one for one in revisions if labels_of(one).get(HASH_LABEL) not in live), key=number_of)
    return spare[: max(0, len(spare) - (10 if limit is None else limit))]
