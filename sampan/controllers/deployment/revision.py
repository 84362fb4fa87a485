"""Revisions of a Deployment: which ReplicaSet has today's template, their numbers, their annotations. Pure.

Used by plan.py and rollback.py. Annotation names and rules: upstream's
pkg/controller/deployment/util; docs, Deployment, "Pod-template-hash label" and "Checking Rollout History".
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sampan.kinds.apps.replica_set import KIND as REPLICA_SET
from sampan.machinery.meta import Object, annotations_of, controller_ref, integer_of
from sampan.machinery.tree import semantic_equal

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
ROLLBACK_TO = "deprecated.deployment.rollback.to"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OWN_ANNOTATIONS = frozenset((REVISION, REVISION_HISTORY, DESIRED, MAXIMUM, ROLLBACK_TO, LAST_APPLIED))

_HISTORY_LIMIT = 2000  # characters
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels and nothing alike: no words, no misreadings


def without_hash(template: Object) -> Object:
    """The template as the Deployment has it: without the label that its ReplicaSets add."""
    meta = template.get("metadata") or {}
    labels = {name: value for name, value in (meta.get("labels") or {}).items() if name != HASH_LABEL}
    return {**template, "metadata": {**meta, "labels": labels}}


def same_template(left: Object, right: Object) -> bool:
    """Whether two pod templates make the same pods."""
    return semantic_equal(without_hash(left), without_hash(right))


def by_age(sets: Iterable[Object]) -> list[Object]:
    """Oldest first."""
    return sorted(sets, key=lambda rs: (rs["metadata"].get("creationTimestamp") or "", rs["metadata"]["name"]))


def current_of(deployment: Object, sets: Iterable[Object]) -> Object | None:
    """The ReplicaSet with the Deployment's template; the oldest, should there be several."""
    template = deployment["spec"]["template"]
    return next((rs for rs in by_age(sets) if same_template(rs["spec"]["template"], template)), None)


def revision_of(obj: Object) -> int:
    """The revision in the annotation; 0 where it is missing or no number."""
    return max(integer_of(annotations_of(obj).get(REVISION, "")) or 0, 0)


def latest_revision(sets: Iterable[Object]) -> int:
    """The highest revision; 0 if there is none."""
    return max(map(revision_of, sets), default=0)


def previous_revision(sets: Iterable[Object]) -> int:
    """The second highest revision, where an undo without a number leads; 0 if there is none."""
    revisions = sorted(map(revision_of, sets))
    return revisions[-2] if len(revisions) > 1 else 0


def template_hash(template: Object, collisions: int) -> str:
    """The value of the hash label: 32 bits of FNV-1a over the template, written in letters that form no words."""
    text = json.dumps(template, sort_keys=True, separators=(",", ":")) + (str(collisions) if collisions else "")
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(value))


def new_replica_set(deployment: Object, revision: int, size: int, maximum: int) -> Object:
    """The ReplicaSet for the Deployment's template."""
    spec, meta = deployment["spec"], deployment["metadata"]
    collisions = (deployment.get("status") or {}).get("collisionCount") or 0
    label = {HASH_LABEL: template_hash(spec["template"], collisions)}
    template_meta = spec["template"].get("metadata") or {}
    labels = {**(template_meta.get("labels") or {}), **label}
    selector = spec["selector"]
    made: Object = {
        "apiVersion": REPLICA_SET.api_version,
        "kind": REPLICA_SET.name,
        "metadata": {
            "name": f"{meta['name']}-{label[HASH_LABEL]}",
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [controller_ref(deployment)],
        },
        "spec": {
            "replicas": size,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **label}},
            "template": {**spec["template"], "metadata": {**template_meta, "labels": labels}},
        },
    }
    return with_sizes(annotated(deployment, made, revision), spec["replicas"], maximum)


def annotated(deployment: Object, rs: Object, revision: int) -> Object:
    """`rs` with the Deployment's annotations and minReadySeconds, and with its revision raised to `revision`.

    A revision that rises, because a rollback made the ReplicaSet current again, goes into the revision history.
    """
    old = annotations_of(rs)
    copied = {name: value for name, value in annotations_of(deployment).items() if name not in OWN_ANNOTATIONS}
    wanted = {**old, **copied}
    if revision_of(rs) < revision:
        wanted[REVISION] = str(revision)
        if REVISION in old:
            wanted[REVISION_HISTORY] = _history(old.get(REVISION_HISTORY, ""), old[REVISION])
    changed = rs if wanted == old else _with_annotations(rs, wanted)
    min_ready = deployment["spec"].get("minReadySeconds", 0)
    if (rs["spec"].get("minReadySeconds") or 0) == min_ready:
        return changed
    return {**changed, "spec": {**changed["spec"], "minReadySeconds": min_ready}}


def _history(before: str, revision: str) -> str:
    """Revisions joined by commas; the oldest go when the text would become too long."""
    revisions = [*before.split(","), revision] if before else [revision]
    while len(",".join(revisions)) > _HISTORY_LIMIT:
        revisions.pop(0)
    return ",".join(revisions)


def with_sizes(rs: Object, desired: int, maximum: int) -> Object:
    """`rs` with the annotations that tell how large the Deployment was meant to be when `rs` was last scaled."""
    wanted = {**annotations_of(rs), DESIRED: str(desired), MAXIMUM: str(maximum)}
    return rs if wanted == annotations_of(rs) else _with_annotations(rs, wanted)


def _with_annotations(obj: Object, annotations: dict[str, Any]) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def with_revision(deployment: Object, rs: Object) -> Object:
    """The Deployment with the revision of its current ReplicaSet, and without an obsolete rollback note."""
    revision = annotations_of(rs).get(REVISION)
    if not revision or annotations_of(deployment).get(REVISION) == revision:
        return deployment
    return _with_annotations(deployment, {**annotations_of(deployment), REVISION: revision})


def superseded(deployment: Object, old: Sequence[Object]) -> list[Object]:
    """The old ReplicaSets beyond revisionHistoryLimit, of the lowest revisions, as far as they are scaled down."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    if limit is None or limit == 2**31 - 1:
        return []
    alive = [rs for rs in by_age(old) if not rs["metadata"].get("deletionTimestamp")]
    excess = sorted(alive, key=revision_of)[: max(0, len(alive) - limit)]
    return [rs for rs in excess if _is_idle(rs)]


def _is_idle(rs: Object) -> bool:
    status = rs.get("status") or {}
    seen = rs["metadata"].get("generation", 0) <= status.get("observedGeneration", 0)
    return seen and not rs["spec"].get("replicas") and not status.get("replicas")
