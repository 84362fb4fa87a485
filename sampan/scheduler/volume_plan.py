"""What would have to be done about a pod's claims for it to run on a node, or why it can't. Pure.

Called by plugins/volume_binding.py, for every node that a pod with unbound claims might go to. Rules: docs, Storage
Classes, "Volume Binding Mode", and Storage Capacity; upstream's volumebinding plugin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sampan.kinds.core.node_selectors import topology_allows, volume_allows
from sampan.kinds.core.volume_claims import class_of
from sampan.kinds.core.volume_matching import (
    BOUND_BY_CONTROLLER,
    NO_PROVISIONER,
    SELECTED_NODE,
    claim_ref,
    is_bound,
    is_volume_of,
    matching_volume,
    requested_size,
    waits_for_consumer,
)
from sampan.machinery import quantity
from sampan.machinery.meta import Key, Object, annotations_of, controller_of, is_deleting
from sampan.machinery.selectors import from_label_selector
from sampan.machinery.tree import get_path, with_changes
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import ClaimUse, PodInfo
from sampan.scheduler.volumes import Volumes

WRONG_NODE = "node(s) didn't match PersistentVolume's node affinity"
NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
NO_SPACE = "node(s) did not have enough free storage"
GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass(frozen=True, slots=True)
class PodClaims:
    """A pod's claims: those that have a volume, and those that get one with the pod's node."""

    bound: Sequence[Object] = ()
    delayed: Sequence[Object] = ()


class Plan(NamedTuple):
    """Volumes as they are to be, each with its claim; and claims that are to be provisioned, as they are to be."""

    bindings: Sequence[tuple[Object, Object]] = ()
    provisions: Sequence[Object] = ()


@dataclass(slots=True)
class _Finding:
    """Volumes that have been chosen for a pod's claims so far, and claims that no volume is there for."""

    bindings: list[tuple[Object, Object]] = field(default_factory=list)
    provisions: list[Object] = field(default_factory=list)


def claims_of(pod: PodInfo, volumes: Volumes) -> PodClaims | str:
    """A pod's claims, or why it can run nowhere."""
    bound, delayed = [], []
    for use in pod.claims:
        claim = volumes.claim(Key(pod.namespace, use.name))
        if claim is None:
            return _missing(use)
        if problem := _problem(pod, use, claim):
            return problem
        if is_bound(claim):
            bound.append(claim)
        elif waits_for_consumer(volumes.storage_class(class_of(claim))) and not claim["spec"].get("volumeName"):
            delayed.append(claim)
        else:
            return UNBOUND
    return PodClaims(bound, delayed)


def _missing(use: ClaimUse) -> str:
    if use.ephemeral:
        return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{use.name}"'
    return f'persistentvolumeclaim "{use.name}" not found'


def _problem(pod: PodInfo, use: ClaimUse, claim: Object) -> str:
    owner = controller_of(claim)
    if get_path(claim, ("status", "phase")) == "Lost":
        volume = claim["spec"].get("volumeName", "")
        return f'persistentvolumeclaim "{use.name}" bound to non-existent persistentvolume "{volume}"'
    if is_deleting(claim):
        return f'persistentvolumeclaim "{use.name}" is being deleted'
    if use.ephemeral and (owner is None or owner.uid != pod.uid):
        return f"PVC {pod.namespace}/{use.name} was not created for pod {pod.key} (pod is not owner)"
    return ""


def plan_on(node: NodeInfo, claims: PodClaims, volumes: Volumes) -> Plan | tuple[str, ...]:
    """What to do on a node, or the reasons why it can't be that one."""
    if reason := _reach(node, claims.bound, volumes):
        return (reason,)
    finding = _Finding()
    for claim in sorted(claims.delayed, key=requested_size):  # the smallest first, so that it takes the smallest volume
        selected = annotations_of(claim).get(SELECTED_NODE)
        if selected is not None and selected != node.name:
            return (NO_VOLUME,)
        if selected is not None or not _find(claim, node, volumes, finding):
            finding.provisions.append(claim)
    for claim in finding.provisions:
        if reason := _unprovisionable(claim, node, volumes):
            return (reason,)
    selected_claims = [_with_node(claim, node.name) for claim in finding.provisions]
    return Plan(finding.bindings, selected_claims)


def _reach(node: NodeInfo, bound: Sequence[Object], volumes: Volumes) -> str:
    for claim in bound:
        volume = volumes.volume(claim["spec"]["volumeName"])
        if volume is None:
            return GONE
        if not volume_allows(volume, node.labels):
            return WRONG_NODE
    return ""


def _find(claim: Object, node: NodeInfo, volumes: Volumes, finding: _Finding) -> bool:
    """Choose a volume for a claim, where there is one."""
    taken = {volume["metadata"]["name"] for volume, _ in finding.bindings}
    found = matching_volume(claim, volumes.of_class(class_of(claim)), labels=node.labels, taken=taken)
    if found is not None:
        finding.bindings.append((_with_claim(found, claim), claim))
    return found is not None


def _with_claim(volume: Object, claim: Object) -> Object:
    """A volume that is bound to a claim; by us, unless its user has reserved it."""
    if is_volume_of(volume, claim):
        return with_changes(volume, {("spec", "claimRef"): claim_ref(claim)})
    marked = ("metadata", "annotations", BOUND_BY_CONTROLLER)
    return with_changes(volume, {("spec", "claimRef"): claim_ref(claim), marked: "yes"})


def _with_node(claim: Object, node: str) -> Object:
    return with_changes(claim, {("metadata", "annotations", SELECTED_NODE): node})


def _unprovisionable(claim: Object, node: NodeInfo, volumes: Volumes) -> str:
    """Why a volume can't be made for a claim where this node reaches it."""
    storage_class = volumes.storage_class(class_of(claim)) or {}
    provisioner = storage_class.get("provisioner") or NO_PROVISIONER
    if provisioner == NO_PROVISIONER or not topology_allows(storage_class.get("allowedTopologies"), node.labels):
        return NO_VOLUME
    return "" if not _tells(provisioner, volumes) or capacity_for(claim, node, volumes) else NO_SPACE


def capacity_for(claim: Object, node: NodeInfo, volumes: Volumes) -> Object | None:
    """What a claim's driver says that it has left where a node reaches it, if it says so and that is enough."""
    storage_class = volumes.storage_class(class_of(claim)) or {}
    if not _tells(storage_class.get("provisioner") or NO_PROVISIONER, volumes):
        return None
    size = requested_size(claim)
    left = volumes.capacities(storage_class["metadata"]["name"])
    return next((capacity for capacity in left if _holds(capacity, size) and _is_near(capacity, node)), None)


def _tells(provisioner: str, volumes: Volumes) -> bool:
    """Whether a driver says what it has left."""
    return bool(get_path(volumes.driver(provisioner) or {}, ("spec", "storageCapacity")))


def _holds(capacity: Object, size: int) -> bool:
    limit = capacity.get("maximumVolumeSize") or capacity.get("capacity")
    return limit is not None and quantity.value(limit) >= size


def _is_near(capacity: Object, node: NodeInfo) -> bool:
    topology = capacity.get("nodeTopology")
    return topology is not None and from_label_selector(topology).matches(node.labels)
