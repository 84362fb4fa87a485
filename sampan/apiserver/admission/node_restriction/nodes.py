"""NodeRestriction on nodes: its own only, with the labels that are for kubelets, and neither taints nor owners.

Which labels: documentation, "NodeRestriction"; k8s.io/kubelet/pkg/apis (IsKubeletLabel).
"""

from collections.abc import Mapping

from sampan.apiserver.admission.attributes import CREATE, UPDATE, Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.machinery.meta import Object

_RESERVED = "node-restriction.kubernetes.io"  # labels by which administrators keep pods from nodes
_KUBERNETES = ("kubernetes.io", "k8s.io")
_FOR_KUBELETS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_OF_KUBELETS = frozenset(
    {"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch"}
    | {"beta.kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type"}
    | {"topology.kubernetes.io/zone", "topology.kubernetes.io/region"}
    | {"failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"}
)


def check(services: Services, admission: Admission, node: str) -> None:
    """Raises Forbidden."""
    if admission.name != node:
        raise forbidden(admission, f'node "{node}" is not allowed to modify node "{admission.name}"')
    if admission.operation == CREATE:
        _check_new(admission, node)
    elif admission.operation == UPDATE and admission.old:
        _check_update(admission, admission.old, admission.new, node)


def _check_new(admission: Admission, node: str) -> None:
    if _spec(admission.new).get("configSource"):
        raise forbidden(admission, f'node "{node}" is not allowed to create pods with a non-nil configSource')
    if labels := _forbidden({}, _labels(admission.new)):
        raise forbidden(admission, f'node "{node}" is not allowed to set the following labels: {labels}')


def _check_update(admission: Admission, old: Object, new: Object, node: str) -> None:
    source = _spec(new).get("configSource")
    if source and source != _spec(old).get("configSource"):
        raise forbidden(admission, f'node "{node}" is not allowed to update configSource to a new non-nil configSource')
    if (_spec(old).get("taints") or []) != (_spec(new).get("taints") or []):
        raise forbidden(admission, f'node "{node}" is not allowed to modify taints')
    if (old["metadata"].get("ownerReferences") or []) != (new["metadata"].get("ownerReferences") or []):
        # CVE-2025-5187: a node whose owner is not there is collected, and could then register anew
        raise forbidden(admission, f'node "{node}" is not allowed to modify ownerReferences')
    if labels := _forbidden(_labels(old), _labels(new)):
        raise forbidden(admission, f"is not allowed to modify labels: {labels}")


def _spec(node: Object) -> Object:
    return node.get("spec") or {}


def _labels(node: Object) -> Mapping[str, str]:
    return node["metadata"].get("labels") or {}


def _forbidden(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Of the labels that differ, those that are not a kubelet's to set."""
    changed = (label for label in {**before, **after} if before.get(label) != after.get(label))
    return ", ".join(sorted(filter(_is_not_for_kubelets, changed)))


def _is_not_for_kubelets(label: str) -> bool:
    if _below(label, _RESERVED):
        return True
    known = label in _OF_KUBELETS or any(_below(label, domain) for domain in _FOR_KUBELETS)
    return not known and any(_below(label, domain) for domain in _KUBERNETES)


def _below(label: str, domain: str) -> bool:
    """Whether the label's prefix is the domain or lies in it."""
    prefix, slash, _ = label.partition("/")
    return bool(slash) and (prefix == domain or prefix.endswith(f".{domain}"))
