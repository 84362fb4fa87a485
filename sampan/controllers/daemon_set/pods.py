"""The pods of a DaemonSet: which nodes get one, and what it looks like. Pure.

Rules: docs, DaemonSet, "How Daemon Pods are scheduled" and "Taints and tolerations".
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sampan.controllers.node_health import NO_EXECUTE, NO_SCHEDULE, NOT_READY, UNREACHABLE, UNSCHEDULABLE, tolerates
from sampan.controllers.pod_control import pod_from_template
from sampan.controllers.revisions import HASH_LABEL
from sampan.kinds.core.node_selectors import spec_allows
from sampan.machinery.meta import Object, annotations_of, labels_of
from sampan.machinery.tree import get_path, with_changes

GENERATION, GENERATION_NOTE = "pod-template-generation", "deprecated.daemonset.template.generation"
_REQUIRED = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
_PRESSURES = ("disk-pressure", "memory-pressure", "pid-pressure")


class Belongs(NamedTuple):
    """Whether a node is to get a pod, and whether one that is there may stay."""

    start: bool
    stay: bool


def tolerations(spec: Object) -> list[Object]:
    """The template's tolerations and those that every daemon has: it runs where nothing else would."""
    keys = [(NOT_READY, NO_EXECUTE), (UNREACHABLE, NO_EXECUTE), (UNSCHEDULABLE, NO_SCHEDULE)]
    keys += [(f"node.kubernetes.io/{name}", NO_SCHEDULE) for name in _PRESSURES]
    if spec.get("hostNetwork"):
        keys.append(("node.kubernetes.io/network-unavailable", NO_SCHEDULE))
    own = list(spec.get("tolerations") or ())
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in keys]
    return own + [one for one in added if one not in own]


def belongs(daemon_set: Object, node: Object) -> Belongs:
    """What a node means to the DaemonSet."""
    spec, name = daemon_set["spec"]["template"]["spec"], node["metadata"]["name"]
    if spec.get("nodeName") not in (None, "", name) or not spec_allows(spec, labels_of(node), name):
        return Belongs(False, False)
    hard = [taint for taint in node["spec"].get("taints") or () if taint["effect"] in (NO_EXECUTE, NO_SCHEDULE)]
    borne = tolerations(spec)
    unborne = {taint["effect"] for taint in hard if not any(tolerates(one, taint) for one in borne)}
    return Belongs(not unborne, NO_EXECUTE not in unborne)


def pod_for(daemon_set: Object, node: str, revision: str) -> Object:
    """The pod for a node: any scheduler may bind it, but only to that one."""
    pod = pod_from_template(daemon_set["spec"]["template"], daemon_set, daemon_set["metadata"]["namespace"])
    labels = {**(pod["metadata"].get("labels") or {}), HASH_LABEL: revision}
    if generation := annotations_of(daemon_set).get(GENERATION_NOTE):
        labels[GENERATION] = generation
    fields = [{"key": "metadata.name", "operator": "In", "values": [node]}]
    terms = get_path(pod["spec"], (*_REQUIRED, "nodeSelectorTerms")) or [{}]
    pinned = {"nodeSelectorTerms": [{**term, "matchFields": fields} for term in terms]}
    return with_changes(
        pod,
        {
            ("metadata", "labels"): labels,
            ("spec", *_REQUIRED): pinned,
            ("spec", "tolerations"): tolerations(pod["spec"]),
        },
    )


def node_of(pod: Object) -> str:
    """The node that a daemon pod is on or is meant for."""
    if name := pod["spec"].get("nodeName"):
        return str(name)
    return next(_pinned(get_path(pod["spec"], (*_REQUIRED, "nodeSelectorTerms")) or ()), "")


def _pinned(terms: Iterable[Object]) -> Iterator[str]:
    for term in terms:
        for one in term.get("matchFields") or ():
            if one["key"] == "metadata.name" and len(one.get("values") or ()) == 1:
                yield one["values"][0]
