"""NodeRestriction: a kubelet changes its own node and the pods bound to it, and asks for their tokens; no others.

The part of k8s.io/kubernetes/plugin/pkg/admission/noderestriction that concerns nodes, pods, leases and tokens;
certificates are in node_certificates.py.
"""

from collections.abc import Iterator, Mapping

from sampan.apiserver.admission import node_certificates
from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.authorization.node import node_of
from sampan.apiserver.pod_references import MIRROR_POD, references
from sampan.apiserver.services import Services
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Object

_LEASES = "kube-node-lease"
_RESERVED = "node-restriction.kubernetes.io"  # labels by which administrators keep pods from nodes
_KUBERNETES = ("kubernetes.io", "k8s.io")
_FOR_KUBELETS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_OF_KUBELETS = frozenset(
    {"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch"}
    | {"beta.kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type"}
    | {"topology.kubernetes.io/zone", "topology.kubernetes.io/region"}
    | {"failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"}
)


def mutate(services: Services, admission: Admission) -> None:
    """Raises Forbidden where a node reaches for another's, NotFound for a token of no pod."""
    node = node_of(admission.user)
    if node is None:
        return
    kind = admission.kind
    place = (kind.group, kind.plural, admission.subresource)
    if place[:2] == ("", "nodes"):
        _check_node(admission, node)
    elif place in (("", "pods", ""), ("", "pods", "status")):
        _check_pod(services, admission, node)
    elif place == ("", "pods", "eviction"):
        _check_eviction(services, admission, node)
    elif place[:2] == ("", "pods"):
        why = f"unexpected pod subresource \"{place[2]}\", only 'status' and 'eviction' are allowed"
        raise forbidden(admission, why)
    elif place == ("coordination.k8s.io", "leases", ""):
        _check_lease(admission, node)
    elif place == ("", "serviceaccounts", "token"):
        _check_token(services, admission, node)
    elif place == ("certificates.k8s.io", "certificatesigningrequests", ""):
        node_certificates.check_request(admission, node)
    elif place[:2] == ("certificates.k8s.io", "podcertificaterequests"):
        node_certificates.check_pod_request(services, admission, node)


def _check_node(admission: Admission, node: str) -> None:
    if _name(admission) != node:
        raise forbidden(admission, f'node "{node}" is not allowed to modify node "{_name(admission)}"')
    if admission.operation == "CREATE":
        _check_new_labels(admission, node)
    if admission.operation == "UPDATE" and admission.old:
        _check_node_update(admission, admission.old, admission.new, node)


def _check_new_labels(admission: Admission, node: str) -> None:
    """Unlike upstream's, our kubelet may call itself a control plane when it registers, and only then."""
    labels = admission.new["metadata"].get("labels") or {}
    if reserved := sorted(label for label in labels if _below(label, _RESERVED)):
        why = f'node "{node}" is not allowed to set the following labels: {", ".join(reserved)}'
        raise forbidden(admission, why)


def _check_node_update(admission: Admission, old: Object, new: Object, node: str) -> None:
    if (old.get("spec") or {}).get("taints") != (new.get("spec") or {}).get("taints"):
        raise forbidden(admission, f'node "{node}" is not allowed to modify taints')
    if (old["metadata"].get("ownerReferences") or []) != (new["metadata"].get("ownerReferences") or []):
        # CVE-2025-5187: a node whose owner is not there is collected, and could then register anew
        raise forbidden(admission, f'node "{node}" is not allowed to modify ownerReferences')
    before, after = old["metadata"].get("labels") or {}, new["metadata"].get("labels") or {}
    if labels := sorted(filter(_is_not_for_kubelets, _changed(before, after))):
        raise forbidden(admission, f'node "{node}" is not allowed to modify labels: {", ".join(labels)}')


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    return (label for label in {**before, **after} if before.get(label) != after.get(label))


def _is_not_for_kubelets(label: str) -> bool:
    if _below(label, _RESERVED):
        return True
    known = label in _OF_KUBELETS or any(_below(label, domain) for domain in _FOR_KUBELETS)
    return not known and any(_below(label, domain) for domain in _KUBERNETES)


def _below(label: str, domain: str) -> bool:
    """Whether the label's prefix is the domain or lies in it."""
    prefix, slash, _ = label.partition("/")
    return bool(slash) and (prefix == domain or prefix.endswith(f".{domain}"))


def _check_pod(services: Services, admission: Admission, node: str) -> None:
    if admission.operation == "CREATE":
        _check_mirror(services, admission, admission.new, node)
        return
    old = admission.old or {}
    if old["spec"].get("nodeName") != node:
        verb = "delete" if admission.operation == "DELETE" else "update status for"
        raise forbidden(admission, f'node "{node}" can only {verb} pods with spec.nodeName set to itself')
    if admission.operation == "UPDATE" and (
        (old["metadata"].get("labels") or {}) != (admission.new["metadata"].get("labels") or {})
    ):
        raise forbidden(admission, f'node "{node}" cannot update labels through pod status')


def _check_mirror(services: Services, admission: Admission, pod: Object, node: str) -> None:
    """A node may show the static pods that it runs; they may not borrow what other pods have."""
    if MIRROR_POD not in (pod["metadata"].get("annotations") or {}):
        raise forbidden(
            admission, f'pod does not have "{MIRROR_POD}" annotation, node "{node}" can only create mirror pods'
        )
    if pod["spec"].get("nodeName") != node:
        raise forbidden(admission, f'node "{node}" can only create pods with spec.nodeName set to itself')
    owners, found = pod["metadata"].get("ownerReferences") or [], services.find(NODE, "", node)
    own = {"apiVersion": "v1", "kind": "Node", "name": node, "controller": True}
    if len(owners) != 1 or found is None or owners[0] != own | {"uid": found["metadata"]["uid"]}:
        raise forbidden(
            admission, f'node "{node}" can only create pods with a controller owner reference set to itself'
        )
    if named := next(references(pod), None):
        raise forbidden(admission, f'node "{node}" can not create pods that reference {named.plural}')


def _check_eviction(services: Services, admission: Admission, node: str) -> None:
    pod = services.find(POD, admission.namespace, admission.name)
    if pod is None:
        raise NotFound.of("pods", "", admission.name)
    if pod["spec"].get("nodeName") != node:
        raise forbidden(admission, f"node {node} can only evict pods with spec.nodeName set to itself")


def _check_token(services: Services, admission: Admission, node: str) -> None:
    """A node acts for the pods that run on it, with tokens that die with them."""
    ref = admission.new["spec"].get("boundObjectRef") or {}
    if ref.get("apiVersion") != "v1" or ref.get("kind") != "Pod" or not ref.get("name"):
        raise forbidden(admission, "node requested token not bound to a pod")
    if not ref.get("uid"):
        raise forbidden(admission, "node requested token with a pod binding without a uid")
    pod = services.find(POD, admission.namespace, ref["name"])
    if pod is None:
        raise NotFound.of("pods", "", ref["name"])
    if pod["metadata"]["uid"] != ref["uid"]:
        why = f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. "
        raise forbidden(admission, why + "The object might have been deleted and then recreated")
    if pod["spec"].get("nodeName") != node:
        raise forbidden(admission, "node requested token bound to a pod scheduled on a different node")


def _check_lease(admission: Admission, node: str) -> None:
    if admission.namespace != _LEASES:
        raise forbidden(admission, f'can only access leases in the "{_LEASES}" system namespace')
    if _name(admission) != node:
        raise forbidden(admission, "can only access node lease with the same name as the requesting node")


def _name(admission: Admission) -> str:
    return admission.name or str((admission.old or {}).get("metadata", {}).get("name") or "")
