"""The pods of a StatefulSet: their ordinals, and what each looks like. Pure.

Rules: docs, StatefulSets, "Pod Identity".
"""

from typing import Any

from sampan.controllers.pod_control import pod_from_template
from sampan.controllers.revisions import HASH_LABEL
from sampan.controllers.stateful_set.claims import claim_name, templates_of
from sampan.machinery.meta import Object, labels_of
from sampan.machinery.tree import with_changes

NAME_LABEL, INDEX_LABEL = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"
_MOST_DIGITS = 10  # ordinals have 32 bits


def ordinal_of(stateful_set: Object, pod: Object) -> int | None:
    """The pod's place, or None for one whose name is none of this set's."""
    parent, _, digits = pod["metadata"]["name"].rpartition("-")
    if parent != stateful_set["metadata"]["name"] or not digits.isascii() or not digits.isdecimal():
        return None
    return int(digits) if len(digits) <= _MOST_DIGITS and (digits == "0" or digits[0] != "0") else None


def is_member(stateful_set: Object, pod: Object) -> bool:
    """Whether the set would have a pod of this name."""
    return ordinal_of(stateful_set, pod) is not None


def ordinals_of(stateful_set: Object) -> range:
    """The places that the set wants filled."""
    start = (stateful_set["spec"].get("ordinals") or {}).get("start") or 0
    return range(start, start + stateful_set["spec"].get("replicas", 1))


def revision_of(pod: Object) -> str:
    """The name of the ControllerRevision that the pod was made by; "" where none is told."""
    return labels_of(pod).get(HASH_LABEL, "")


def pod_for(stateful_set: Object, template: Object, revision: str, ordinal: int) -> Object:
    """The pod at a place, by the template of a revision."""
    meta = stateful_set["metadata"]
    pod = pod_from_template(template, stateful_set, meta["namespace"])
    del pod["metadata"]["generateName"]
    pod["metadata"]["name"] = name = f"{meta['name']}-{ordinal}"
    named = {"hostname": name, "subdomain": stateful_set["spec"].get("serviceName") or ""}
    pod["spec"] = {**pod["spec"], **{field: value for field, value in named.items() if value}}
    return mended(stateful_set, with_changes(pod, {("metadata", "labels", HASH_LABEL): revision}), ordinal)


def mended(stateful_set: Object, pod: Object, ordinal: int) -> Object:
    """The same pod with the labels of its place and the volumes of its claims."""
    changes: dict[tuple[str, ...], Any] = {
        ("metadata", "labels", NAME_LABEL): pod["metadata"]["name"],
        ("metadata", "labels", INDEX_LABEL): str(ordinal),
    }
    if claimed := [_volume(stateful_set, template, ordinal) for template in templates_of(stateful_set)]:
        names = {volume["name"] for volume in claimed}
        others = [volume for volume in pod["spec"].get("volumes") or () if volume["name"] not in names]
        changes["spec", "volumes"] = claimed + others
    return with_changes(pod, changes)


def is_sound(stateful_set: Object, pod: Object, ordinal: int) -> bool:
    """Whether the pod bears its own name and has the volumes of its claims."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    return labels_of(pod).get(NAME_LABEL) == pod["metadata"]["name"] and all(
        _claim_in(volumes.get(template["metadata"]["name"])) == claim_name(stateful_set, template, ordinal)
        for template in templates_of(stateful_set)
    )


def _volume(stateful_set: Object, template: Object, ordinal: int) -> Object:
    claim = {"claimName": claim_name(stateful_set, template, ordinal)}
    return {"name": template["metadata"]["name"], "persistentVolumeClaim": claim}


def _claim_in(volume: Object | None) -> str:
    return ((volume or {}).get("persistentVolumeClaim") or {}).get("claimName") or ""
