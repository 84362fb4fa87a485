"""The claims of a StatefulSet's pods: what they are called, and whom they go with. Pure.

By the retention policy a claim is owned by the set (it goes when the set does), by its pod (it goes when the pod has
been scaled away), by both in turn, or by nobody. Rules: docs, StatefulSets,
"PersistentVolumeClaim retention"; KEP-1847.
"""

from collections.abc import Iterable, Sequence

from sampan.machinery.meta import Object, controller_ref
from sampan.machinery.tree import with_changes

DELETE = "Delete"


def templates_of(stateful_set: Object) -> Sequence[Object]:
    """The claims that every pod is to have, by names that are no claim's yet."""
    found: Sequence[Object] = stateful_set["spec"].get("volumeClaimTemplates") or ()
    return found


def claim_name(stateful_set: Object, template: Object, ordinal: int) -> str:
    """What the claim of a place is called."""
    return f"{template['metadata']['name']}-{stateful_set['metadata']['name']}-{ordinal}"


def claims_for(stateful_set: Object, ordinal: int) -> list[Object]:
    """The claims of a place, as they are created."""
    meta = stateful_set["metadata"]
    selected = (stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}
    return [
        {
            **template,
            "metadata": {
                **template["metadata"],
                "name": claim_name(stateful_set, template, ordinal),
                "namespace": meta["namespace"],
                "labels": {**(template["metadata"].get("labels") or {}), **selected},
            },
        }
        for template in templates_of(stateful_set)
    ]


def _goes(stateful_set: Object, when: str) -> bool:
    return ((stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}).get(when)) == DELETE


def is_stale(stateful_set: Object, pod_name: str, claim: Object) -> bool:
    """Whether the claim goes with an earlier pod of this name, so that the next one has to wait until it is gone."""
    if not _goes(stateful_set, "whenScaled"):
        return False
    return any(ref["kind"] == "Pod" and ref["name"] == pod_name for ref in _references(claim))


def kept(stateful_set: Object, pod: Object, claim: Object, scaled_away: bool) -> Object | None:
    """The claim with the owners that the policy wants; None where it has them, or is not ours to change."""
    references = _references(claim)
    ours = [ref for ref in references if _names(ref, stateful_set) or _names(ref, pod)]
    uids = {stateful_set["metadata"]["uid"], pod["metadata"]["uid"]}
    if any(ref["uid"] not in uids for ref in ours):
        return None  # of a set or pod that was there before: garbage collection's
    if has_other_controller(stateful_set, pod, claim):
        return _with_owners(claim, [ref for ref in references if ref not in ours]) if ours else None
    wanted = [controller_ref(owner) for owner in _owners(stateful_set, pod, scaled_away)]
    if {ref["uid"] for ref in ours} == {ref["uid"] for ref in wanted} and all(ref.get("controller") for ref in ours):
        return None
    return _with_owners(claim, [*(ref for ref in references if ref not in ours), *wanted])


def has_other_controller(stateful_set: Object, pod: Object, claim: Object) -> bool:
    """Whether the policy can't hold, for the claim has a controller that is neither the set nor the pod."""
    if not _goes(stateful_set, "whenScaled") and not _goes(stateful_set, "whenDeleted"):
        return False
    others = (ref for ref in _references(claim) if not _names(ref, stateful_set) and not _names(ref, pod))
    return any(ref.get("controller") for ref in others)


def _owners(stateful_set: Object, pod: Object, scaled_away: bool) -> Iterable[Object]:
    if _goes(stateful_set, "whenScaled") and scaled_away:
        return (pod,)
    return (stateful_set,) if _goes(stateful_set, "whenDeleted") else ()


def _references(claim: Object) -> Sequence[Object]:
    found: Sequence[Object] = claim["metadata"].get("ownerReferences") or ()
    return found


def _names(ref: Object, obj: Object) -> bool:
    same_kind = ref["kind"] == obj["kind"] and ref["apiVersion"] == obj["apiVersion"]
    return bool(same_kind and ref["name"] == obj["metadata"]["name"])


def _with_owners(claim: Object, references: list[Object]) -> Object:
    return with_changes(claim, {("metadata", "ownerReferences"): references})
