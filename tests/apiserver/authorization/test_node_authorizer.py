"""The rules of the Node authorizer, row by row: what a kubelet is allowed, and in what words it is not."""

from typing import Any, NamedTuple

import pytest

from sampan.apiserver.authentication.user import authenticated
from sampan.apiserver.authorization.attributes import Attributes, Verdict
from sampan.apiserver.authorization.node.authorizer import NodeAuthorizer
from sampan.apiserver.authorization.node.graph import Graph, Place
from sampan.apiserver.authorization.selectors import of_query
from sampan.apiserver.bootstrap.policy import node_rules
from sampan.machinery.meta import Key, Object

UNRELATED = "no relationship found between node 'n1' and this object"
ONLY_READ = "can only read resources of this type"
ONLY_GET = "can only get individual resources of this type"
ONLY_TOKENS = "can only create tokens for individual service accounts"
ONLY_LEASE = "can only access node lease with the same name as the requesting node"
ONLY_CSI_NODE = "can only access CSINode with the same name as the requesting node"
SLICES = "can only list/watch/deletecollection resourceslices with nodeName field selector"
REQUESTS = "can only list/watch podcertificaterequests with nodeName field selector"
PODS = "can only list/watch pods with spec.nodeName field selector"


def pod(name: str, node: str, **more: Any) -> Object:
    """A pod on a node."""
    meta = {"name": name, "namespace": "a", "uid": f"{name}-uid"}
    return {"metadata": meta, "spec": {"nodeName": node, "serviceAccountName": f"{name}-account", **more}}


def graph() -> Graph:
    """Pods `own` on n1 and `other` on n2, each with one object of each sort."""
    found = Graph()
    for name, node in (("own", "n1"), ("other", "n2")):
        volumes = [
            {"name": "s", "secret": {"secretName": f"{name}-secret"}},
            {"name": "c", "configMap": {"name": f"{name}-config"}},
            {"name": "p", "persistentVolumeClaim": {"claimName": f"{name}-claim"}},
        ]
        claims = [{"name": "gpu", "resourceClaimName": f"{name}-gpu"}]
        found.put_pod(Key("a", name), pod(name, node, volumes=volumes, resourceClaims=claims))
        csi = {"driver": "d", "nodePublishSecretRef": {"namespace": "b", "name": f"{name}-driver"}}
        spec = {"claimRef": {"namespace": "a", "name": f"{name}-claim"}, "csi": csi}
        found.put_volume(f"{name}-volume", {"metadata": {"name": f"{name}-volume"}, "spec": spec})
        owned = {"metadata": {}, "spec": {"nodeName": node}}
        found.put_owned(Place("volumeattachments", "", f"{name}-attachment"), owned)
        found.put_owned(Place("resourceslices", "", f"{name}-slice"), owned)
        found.put_owned(Place("podcertificaterequests", "a", f"{name}-request"), owned)
    return found


AUTHORIZER = NodeAuthorizer(graph(), node_rules())


class Row(NamedTuple):
    """A request, and why there is no yes; "" is a yes, None a no without a reason."""

    verb: str
    place: str  # group:resource/subresource
    name: str  # namespace/name
    why: str | None
    fields: str = ""


def rows(places: str, verbs: str, name: str, why: str | None, fields: str = "") -> list[Row]:
    """Every verb on every place."""
    return [Row(verb, place, name, why, fields) for place in places.split() for verb in verbs.split()]


ROWS = [
    # what pods name
    *rows(":secrets", "get list watch", "a/own-secret", ""),
    *rows(":secrets", "get list watch", "b/own-driver", ""),
    *rows(":configmaps", "get list watch", "a/own-config", ""),
    *rows(":secrets", "get list watch", "a/other-secret", UNRELATED),
    *rows(":secrets", "get", "b/other-driver", UNRELATED),
    *rows(":secrets", "get", "b/own-secret", UNRELATED),
    *rows(":configmaps", "get", "a/own-secret", UNRELATED),
    *rows(":configmaps", "get list watch", "a/other-config", UNRELATED),
    *rows(":secrets :configmaps", "list watch", "a/", "No Object name found"),
    *rows(":secrets :configmaps", "get list watch", "/own-secret", "can only read namespaced object of this type"),
    *rows(":secrets :configmaps", "create update patch delete deletecollection", "a/own-secret", ONLY_READ),
    *rows(":secrets/x :configmaps/x", "get", "a/own-secret", "cannot read subresource"),
    *rows(":persistentvolumeclaims", "get", "a/own-claim", ""),
    *rows(":persistentvolumeclaims", "get", "a/other-claim", UNRELATED),
    *rows(":persistentvolumeclaims", "list watch create update patch delete", "a/own-claim", ONLY_GET),
    *rows(":persistentvolumeclaims/status", "update patch", "a/own-claim", ""),
    *rows(":persistentvolumeclaims/status", "update patch", "a/other-claim", UNRELATED),
    *rows(":persistentvolumeclaims/status", "get delete", "a/own-claim", "can only get/update/patch this type"),
    *rows(":persistentvolumes", "get", "/own-volume", ""),
    *rows(":persistentvolumes", "get", "/other-volume", UNRELATED),
    *rows(":persistentvolumes", "list watch create update patch delete", "/own-volume", ONLY_GET),
    *rows(":persistentvolumes/status", "get", "/own-volume", "cannot get subresource"),
    *rows("resource.k8s.io:resourceclaims", "get", "a/own-gpu", ""),
    *rows("resource.k8s.io:resourceclaims", "get", "a/other-gpu", UNRELATED),
    *rows("resource.k8s.io:resourceclaims", "list watch create update patch delete", "a/own-gpu", ONLY_GET),
    *rows("storage.k8s.io:volumeattachments", "get", "/own-attachment", ""),
    *rows("storage.k8s.io:volumeattachments", "get", "/other-attachment", UNRELATED),
    *rows("storage.k8s.io:volumeattachments", "list watch create update patch delete", "/own-attachment", ONLY_GET),
    # service accounts of pods
    *rows(":serviceaccounts", "get", "a/own-account", ""),
    *rows(":serviceaccounts", "get", "a/other-account", UNRELATED),
    *rows(":serviceaccounts", "list watch update patch delete", "a/own-account", ONLY_TOKENS),
    *rows(":serviceaccounts", "create", "a/", ONLY_TOKENS),
    *rows(":serviceaccounts", "create", "a/own-account", "can only create token subresource of serviceaccount"),
    *rows(":serviceaccounts/token", "create", "a/own-account", ""),
    *rows(":serviceaccounts/token", "create", "a/other-account", UNRELATED),
    *rows(":serviceaccounts/token", "create", "a/", ONLY_TOKENS),
    *rows(":serviceaccounts/token", "get", "a/own-account", ONLY_TOKENS),
    # what bears the node's name
    *rows(":nodes", "get list watch", "/n1", ""),
    *rows(":nodes", "create update patch", "/n1", ""),
    *rows(":nodes", "create", "/", ""),
    *rows(":nodes", "get list watch", "/n2", "node 'n1' cannot read 'n2', only its own Node object"),
    *rows(":nodes", "list watch", "/", "node 'n1' cannot read all nodes, only its own Node object"),
    *rows(":nodes", "delete deletecollection", "/n1", None),
    *rows(":nodes/status", "update patch", "/n1", ""),
    *rows(":nodes/status", "get", "/n1", None),
    *rows(":nodes/proxy", "get create", "/n1", None),
    *rows("coordination.k8s.io:leases", "get create update patch delete", "kube-node-lease/n1", ""),
    *rows("coordination.k8s.io:leases", "create", "kube-node-lease/", ""),
    *rows("coordination.k8s.io:leases", "get update patch delete", "kube-node-lease/n2", ONLY_LEASE),
    *rows(
        "coordination.k8s.io:leases",
        "get create",
        "a/n1",
        'can only access leases in the "kube-node-lease" system namespace',
    ),
    *rows(
        "coordination.k8s.io:leases",
        "list watch deletecollection",
        "kube-node-lease/n1",
        "can only get, create, update, patch, or delete a node lease",
    ),
    *rows("storage.k8s.io:csinodes", "get create update patch delete", "/n1", ""),
    *rows("storage.k8s.io:csinodes", "get update patch delete", "/n2", ONLY_CSI_NODE),
    *rows("storage.k8s.io:csinodes", "list watch", "/n1", "can only get, create, update, patch, or delete a CSINode"),
    *rows(
        "storage.k8s.io:csinodes/status", "get update", "/n1", "CSINode status access requires CSIVolumeHealth feature"
    ),
    *rows("storage.k8s.io:csinodes/x", "get", "/n1", "cannot authorize CSINode subresources"),
    # pods
    *rows(":pods", "get list watch", "a/own", ""),
    *rows(":pods", "get list watch", "a/other", UNRELATED),
    *rows(":pods", "get", "a/nobody", UNRELATED),
    *rows(":pods", "list watch", "/", "", "spec.nodeName=n1"),
    *rows(":pods", "list watch", "a/", "", "status.phase!=Failed,spec.nodeName==n1"),
    *rows(":pods", "list watch", "/", PODS),
    *rows(":pods", "list watch", "/", PODS, "spec.nodeName=n2"),
    *rows(":pods", "list watch", "/", PODS, "spec.nodeName!=n1"),
    *rows(":pods", "list watch", "/", PODS, "spec.nodeName=n1,x"),
    *rows(":pods", "create delete", "a/other", ""),
    *rows(":pods", "update patch deletecollection", "a/own", None),
    *rows(":pods/status", "update patch", "a/own", ""),
    *rows(":pods/status", "get", "a/own", None),
    *rows(":pods/eviction", "create", "a/own", ""),
    *rows(":pods/eviction", "get", "a/own", None),
    *rows(":pods/exec :pods/binding :pods/ephemeralcontainers", "create get update", "a/own", None),
    # devices and certificates
    *rows("resource.k8s.io:resourceslices", "create", "/", ""),
    *rows("resource.k8s.io:resourceslices", "get update patch delete", "/own-slice", ""),
    *rows("resource.k8s.io:resourceslices", "get update patch delete", "/other-slice", UNRELATED),
    *rows("resource.k8s.io:resourceslices", "list watch deletecollection", "/", "", "spec.nodeName=n1"),
    *rows("resource.k8s.io:resourceslices", "list watch deletecollection", "/", SLICES, "spec.nodeName=n2"),
    *rows("resource.k8s.io:resourceslices", "list watch deletecollection", "/", SLICES),
    *rows("resource.k8s.io:resourceslices/x", "get", "/own-slice", "cannot authorize ResourceSlice subresources"),
    *rows(
        "resource.k8s.io:resourceslices",
        "escalate",
        "/own-slice",
        "only the following verbs are allowed for a ResourceSlice: "
        "get, watch, list, create, update, patch, delete, deletecollection",
    ),
    *rows("certificates.k8s.io:podcertificaterequests", "create", "a/", ""),
    *rows("certificates.k8s.io:podcertificaterequests", "get", "a/own-request", ""),
    *rows("certificates.k8s.io:podcertificaterequests", "get", "a/other-request", UNRELATED),
    *rows("certificates.k8s.io:podcertificaterequests", "list watch", "/", "", "spec.nodeName=n1"),
    *rows("certificates.k8s.io:podcertificaterequests", "list watch", "/", REQUESTS),
    *rows(
        "certificates.k8s.io:podcertificaterequests",
        "delete",
        "a/own-request",
        "nodes may not delete podcertificaterequests",
    ),
    *rows(
        "certificates.k8s.io:podcertificaterequests/status",
        "get update",
        "a/own-request",
        "nodes may not access the status subresource of PodCertificateRequests",
    ),
    # what all nodes may, by the role system:node
    *rows(":services", "get list watch", "a/s", ""),
    *rows(":services", "create delete", "a/s", None),
    *rows(":endpoints", "get", "a/e", ""),
    *rows(":endpoints", "list", "a/", None),
    *rows(":events events.k8s.io:events", "create update patch", "a/e", ""),
    *rows("node.k8s.io:runtimeclasses storage.k8s.io:csidrivers", "get list watch", "/x", ""),
    *rows("certificates.k8s.io:certificatesigningrequests", "create get list watch", "/x", ""),
    *rows("certificates.k8s.io:clustertrustbundles", "get list watch", "/x", ""),
    *rows("authentication.k8s.io:tokenreviews authorization.k8s.io:subjectaccessreviews", "create", "/", ""),
    *rows(":namespaces apps:deployments", "get list", "a/x", None),
]


def question(row: Row, user: str = "system:node:n1", groups: tuple[str, ...] = ("system:nodes",)) -> Attributes:
    """The row as attributes."""
    group, _, resource = row.place.partition(":")
    plural, _, subresource = resource.partition("/")
    namespace, _, name = row.name.partition("/")
    selectors = of_query(row.fields, "")
    place = (namespace, group, "v1", plural, subresource, name)
    return Attributes(authenticated(user, groups), row.verb, True, *place, selectors=selectors)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.verb} {row.place} {row.name} {row.fields}".strip())
def test_row(row: Row) -> None:
    decision = AUTHORIZER.decide(question(row))
    if row.why == "":
        assert decision.allowed, decision
    else:
        assert (decision.verdict, decision.reason) == (Verdict.NO_OPINION, row.why or "")


def test_who_is_no_node_is_nobody_here() -> None:
    row = Row("get", ":secrets", "a/own-secret", "")
    for user, groups in (("system:node:n1", ()), ("n1", ("system:nodes",)), ("joe", ())):
        decision = AUTHORIZER.decide(question(row, user, groups))
        assert (decision.verdict, decision.reason) == (Verdict.NO_OPINION, "")
    nameless = AUTHORIZER.decide(question(row, "system:node:"))
    assert (nameless.verdict, nameless.reason) == (Verdict.NO_OPINION, 'unknown node for user "system:node:"')


def test_no_paths() -> None:
    asked = Attributes(authenticated("system:node:n1", ("system:nodes",)), "get", False, path="/metrics")
    assert AUTHORIZER.decide(asked).verdict is Verdict.NO_OPINION


def test_nobody_can_list_what_a_node_may_do() -> None:
    known = AUTHORIZER.known_rules(authenticated("system:node:n1", ("system:nodes",)), "a")
    assert (known.incomplete, known.error) == (True, "node authorizer does not support user rule resolution")
    assert not AUTHORIZER.known_rules(authenticated("joe"), "a").incomplete
