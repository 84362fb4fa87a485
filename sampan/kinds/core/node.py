"""Node: a machine that runs pods."""

from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_network

from sampan.kinds.addresses import same_family_twice
from sampan.kinds.checks import SPEC, Errors, repeated
from sampan.kinds.columns import AGE, NAME, NONE, UNKNOWN, text
from sampan.kinds.core.taints import validate_taints
from sampan.machinery.defaulting import FieldDefaults
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object, labels_of
from sampan.machinery.tree import get_path, semantic_equal
from sampan.machinery.validation import Path, duplicate, forbidden, invalid, non_negative

ROLE_LABEL = "node-role.kubernetes.io/"  # followed by the role
SIMULATED_LABEL = "sampan.internal/simulated"  # no container runs there: kubelet/simulated/
_OLD_ROLE_LABEL = "kubernetes.io/role"  # whose value is the role
_CORE = "io.k8s.api.core.v1."
_CIDRS = SPEC.child("podCIDRs")


def _capacity(status: Object) -> Object | None:
    return dict(status["capacity"]) if status.get("capacity") else None


_DEFAULTS: FieldDefaults = {_CORE + "Node": {"spec": {}}, _CORE + "NodeStatus": {"allocatable": _capacity}}


def _sync_pod_cidrs(node: Object) -> None:
    """podCIDR is the first of podCIDRs; clients of either see both (KEP-563)."""
    spec = node.get("spec") or {}
    if spec.get("podCIDRs"):
        spec["podCIDR"] = spec["podCIDRs"][0]
    elif spec.get("podCIDR"):
        spec["podCIDRs"] = [spec["podCIDR"]]


def _validate(node: Object) -> Errors:
    spec = node.get("spec") or {}
    yield from validate_taints(spec.get("taints"), SPEC.child("taints"))
    yield from _validate_cidrs(spec.get("podCIDRs") or [])
    yield from _validate_addresses(get_path(node, ("status", "addresses"), []))
    for field in ("capacity", "allocatable"):
        for name, amount in get_path(node, ("status", field), {}).items():
            if amount.startswith("-"):
                yield from non_negative(Path("status").child(field).key(name), -1)


def _validate_cidrs(cidrs: list[str]) -> Errors:
    valid = True
    for index, cidr in enumerate(cidrs):
        try:
            ip_network(cidr, strict=False)
        except ValueError:
            valid = False
            yield invalid(_CIDRS.index(index), cidr, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
    if not valid or len(cidrs) < 2:
        return
    if len(cidrs) > 2:
        yield invalid(_CIDRS, cidrs, "may specify no more than one CIDR for each IP family")
    elif same_family_twice([cidr.partition("/")[0] for cidr in cidrs]):
        yield invalid(_CIDRS, cidrs, "must specify one of each IP family")


def _validate_addresses(addresses: list[Object]) -> Errors:
    for index, _ in repeated((one.get("type") or "", one.get("address") or "") for one in addresses):
        yield duplicate(Path("status.addresses").index(index), addresses[index])


def _validate_update(new: Object, old: Object) -> Errors:
    """What was assigned to a node once stays: its pod range and its provider's name for it."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if before.get("podCIDRs") and not semantic_equal(after.get("podCIDRs"), before["podCIDRs"]):
        yield forbidden(_CIDRS, 'node updates may not change podCIDR except from "" to valid')
    if before.get("providerID") and after.get("providerID") != before["providerID"]:
        yield forbidden(SPEC.child("providerID"), 'node updates may not change providerID except from "" to valid')
    free = ("podCIDR", "podCIDRs", "providerID", "taints", "unschedulable", "configSource", "podPreemptionPolicy")
    for field in (after.keys() | before.keys()) - set(free):
        if not semantic_equal(after.get(field), before.get(field)):
            detail = "node updates may only change labels, taints, or capacity (or configSource, if the feature is on)"
            yield forbidden("[]", detail)


def _status(node: Object, now: datetime) -> str:
    ready = next((c for c in get_path(node, ("status", "conditions"), []) if c.get("type") == "Ready"), None)
    words = [("Ready" if ready["status"] == "True" else "NotReady") if ready else "Unknown"]
    if get_path(node, ("spec", "unschedulable")):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(node: Object, now: datetime) -> str:
    labels = labels_of(node)
    roles = {label.removeprefix(ROLE_LABEL) for label in labels if label.startswith(ROLE_LABEL)}
    roles.add(labels.get(_OLD_ROLE_LABEL, ""))
    return ",".join(sorted(filter(None, roles))) or NONE


def _address(type_: str) -> Callable[[Object, datetime], str]:
    def cell(node: Object, now: datetime) -> str:
        addresses = get_path(node, ("status", "addresses"), [])
        return next((a["address"] for a in addresses if a.get("type") == type_), NONE)

    return cell


def _info(field: str) -> Callable[[Object, datetime], str]:
    return text("status", "nodeInfo", field, default=UNKNOWN)


def _unschedulable(node: Object) -> str:
    return "true" if get_path(node, ("spec", "unschedulable")) else "false"


KIND = Kind(
    name="Node",
    plural="nodes",
    versions=(ServedVersion("", "v1", _CORE + "Node"),),
    namespaced=False,
    short_names=("no",),
    columns=(
        NAME,
        Column("Status", _status, description="Whether the node is ready, and whether pods may be placed on it."),
        Column("Roles", _roles, description="Roles, from labels."),
        AGE,
        Column("Version", text("status", "nodeInfo", "kubeletVersion"), description="Version of the node agent."),
        Column("Internal-IP", _address("InternalIP"), priority=1, description="Address within the cluster."),
        Column("External-IP", _address("ExternalIP"), priority=1, description="Address for the outside."),
        Column("OS-Image", _info("osImage"), priority=1, description="Operating system."),
        Column("Kernel-Version", _info("kernelVersion"), priority=1, description="Kernel."),
        Column("Container-Runtime", _info("containerRuntimeVersion"), priority=1, description="Container runtime."),
    ),
    prepare_create=_sync_pod_cidrs,
    prepare_update=lambda new, old: _sync_pod_cidrs(new),
    validate=_validate,
    validate_update=_validate_update,
    selectable_fields={"spec.unschedulable": _unschedulable},
    has_generation=False,
    defaults=_DEFAULTS,
)
