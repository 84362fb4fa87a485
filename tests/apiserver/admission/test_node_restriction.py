"""The rules of NodeRestriction, row by row: what a node may write of what it is authorized to write.

Everybody is authorized to do everything here, so that this plugin alone refuses.
"""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import orjson
import pytest
import pytest_asyncio

from sampan.apiserver.authorization.options import AuthorizationOptions
from tests.apiserver.harness import API, running
from tests.pkcs10 import request, text

CORE = "/api/v1/namespaces/default"
NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
CSI_NODES = "/apis/storage.k8s.io/v1/csinodes"
SLICES = "/apis/resource.k8s.io/v1/resourceslices"
TOKENS = f"{CORE}/serviceaccounts/default/token"
MIRROR = {"kubernetes.io/config.mirror": "x"}
OWNER = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "UID-n1", "controller": True}
AUDIENCE_VERB = "request-serviceaccounts-token-audience"


class Row(NamedTuple):
    """A request of node n1, and why it is refused; "" is a yes."""

    method: str
    path: str
    body: Any
    why: str


def patch(path: str, change: Any, why: str = "") -> Row:
    """A merge patch."""
    return Row("PATCH", path, change, why)


def create(path: str, body: Any, why: str = "") -> Row:
    """A new object."""
    return Row("POST", path, body, why)


def delete(path: str, why: str = "") -> Row:
    """A deletion."""
    return Row("DELETE", path, None, why)


def labels(**found: str) -> Any:
    """A change of labels."""
    return {"metadata": {"labels": found}}


def node(name: str, spec: Any = None, **meta: Any) -> Any:
    """A Node."""
    return {"metadata": {"name": name, **meta}, "spec": spec or {}}


def mirror(*owners: Any, node_name: str = "n1", annotations: Any = None, **spec: Any) -> Any:
    """A mirror pod."""
    notes = MIRROR if annotations is None else annotations
    meta = {"name": "m", "annotations": notes, "ownerReferences": list(owners) or [OWNER]}
    containers = [{"name": "main", "image": "i", **spec.pop("container", {})}]
    return {"metadata": meta, "spec": {"nodeName": node_name, "containers": containers, **spec}}


def volume(**source: Any) -> Any:
    """The spec of a mirror pod with one volume."""
    return mirror(volumes=[{"name": "v", **source}])


def projected(**source: Any) -> Any:
    """The same with a projected one."""
    return volume(projected={"sources": [source]})


def token(pod: str = "own", *audiences: str, **ref: Any) -> Any:
    """A TokenRequest for a pod."""
    bound = {"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": f"UID-{pod}", **ref}
    return {"spec": {"boundObjectRef": bound, "audiences": list(audiences)}}


def csr(name: str) -> Any:
    """A kubelet's CertificateSigningRequest for a common name."""
    signer = "kubernetes.io/kube-apiserver-client-kubelet"
    usages = ["digital signature", "client auth"]
    asked = text(request(name, ["system:nodes"]))
    return {"metadata": {"name": "c"}, "spec": {"request": asked, "signerName": signer, "usages": usages}}


def resource_slice(name: str, node_name: str) -> Any:
    """A ResourceSlice."""
    pool = {"name": "p", "generation": 1, "resourceSliceCount": 1}
    return {"metadata": {"name": name}, "spec": {"driver": "d.example.com", "nodeName": node_name, "pool": pool}}


def names(what: str) -> str:
    """The refusal of a mirror pod that names something."""
    return f'node "n1" can not create pods that reference {what}'


NOT_SELF = 'node "n1" can only create pods with an owner reference set to itself'
STATUS = 'node "n1" can only update pod status for pods with spec.nodeName set to itself'
MODIFY = 'node "n1" is not allowed to modify'
SET = 'node "n1" is not allowed to set the following labels:'
CHANGE = "is not allowed to modify labels:"
PVC = 'node "n1" is not allowed to update fields other than status.quantity and status.conditions:'
AUDIENCE = "system:node:n1 is not authorized to request tokens for audience"
OWN_LEASE = "can only access node lease with the same name as the requesting node"
OWN_CSI = "can only access CSINode with the same name as the requesting node"

ROWS = [
    # nodes
    patch(f"{NODES}/n1/status", {"status": {"phase": "Running"}}),
    patch(f"{NODES}/n2/status", {"status": {"phase": "Running"}}, f'{MODIFY} node "n2"'),
    patch(f"{NODES}/n2", labels(a="b"), f'{MODIFY} node "n2"'),
    delete(f"{NODES}/n2", f'{MODIFY} node "n2"'),
    create(NODES, node("n3"), f'{MODIFY} node "n3"'),
    patch(f"{NODES}/n1", {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}, f"{MODIFY} taints"),
    patch(f"{NODES}/n1", {"metadata": {"ownerReferences": [{**OWNER, "name": "x"}]}}, f"{MODIFY} ownerReferences"),
    patch(f"{NODES}/n1", labels(a="b")),
    patch(f"{NODES}/n1", {"metadata": {"labels": {"kubernetes.io/hostname": "x", "node.kubernetes.io/x": "y"}}}),
    patch(
        f"{NODES}/n1", {"metadata": {"labels": {"a.kubelet.kubernetes.io/x": "y", "topology.kubernetes.io/zone": "z"}}}
    ),
    patch(
        f"{NODES}/n1",
        {"metadata": {"labels": {"kubernetes.io/x": "y", "a.k8s.io/x": "y"}}},
        f"{CHANGE} a.k8s.io/x, kubernetes.io/x",
    ),
    patch(
        f"{NODES}/n1",
        {"metadata": {"labels": {"node-restriction.kubernetes.io/a": None}}},
        f"{CHANGE} node-restriction.kubernetes.io/a",
    ),
    patch(
        f"{NODES}/n1/status",
        {"metadata": {"labels": {"x.node-restriction.kubernetes.io/b": ""}}},
        f"{CHANGE} x.node-restriction.kubernetes.io/b",
    ),
    # pods
    create(f"{CORE}/pods", mirror()),
    create(f"{CORE}/pods", mirror(annotations={}), 'node "n1" can only create mirror pods'),
    create(f"{CORE}/pods", mirror(node_name="n2"), "can only create pods with spec.nodeName set to itself"),
    create(f"{CORE}/pods", mirror(OWNER, {**OWNER, "uid": "x"}), "with a single owner reference set to itself"),
    create(f"{CORE}/pods", mirror({**OWNER, "name": "n2"}), NOT_SELF),
    create(f"{CORE}/pods", mirror({**OWNER, "kind": "Pod"}), NOT_SELF),
    create(f"{CORE}/pods", mirror({**OWNER, "controller": False}), "a controller owner reference set to itself"),
    create(f"{CORE}/pods", mirror({**OWNER, "blockOwnerDeletion": True}), 'node "n1" must not set blockOwnerDeletion'),
    create(f"{CORE}/pods", mirror({**OWNER, "uid": "x"}), "node n1 UID mismatch: expected x got UID-n1"),
    create(f"{CORE}/pods", mirror(resourceClaims=[{"name": "a", "resourceClaimName": "b"}]), names("resourceclaims")),
    create(f"{CORE}/pods", volume(persistentVolumeClaim={"claimName": "c"}), names("persistentvolumeclaims")),
    create(f"{CORE}/pods", volume(configMap={"name": "c"}), names("configmaps")),
    create(f"{CORE}/pods", volume(csi={"driver": "d"}), names("csidrivers (via CSI volumes)")),
    create(
        f"{CORE}/pods", volume(glusterfs={"endpoints": "e", "path": "p"}), names("endpoints (via glusterFS volumes)")
    ),
    create(f"{CORE}/pods", projected(configMap={"name": "c"}), names("configmaps")),
    create(f"{CORE}/pods", projected(clusterTrustBundle={"name": "c", "path": "p"}), names("clustertrustbundles")),
    create(f"{CORE}/pods", projected(downwardAPI={"items": []})),
    create(f"{CORE}/pods", volume(hostPath={"path": "/x"})),
    create(f"{CORE}/pods", volume(emptyDir={})),
    delete(f"{CORE}/pods/own"),
    delete(f"{CORE}/pods/other", 'node "n1" can only delete pods with spec.nodeName set to itself'),
    patch(
        f"{CORE}/pods/own", labels(a="b"), 'unexpected operation "UPDATE", node "n1" can only create and delete mirror'
    ),
    patch(f"{CORE}/pods/own/status", {"status": {"phase": "Running"}}),
    patch(f"{CORE}/pods/other/status", {"status": {"phase": "Running"}}, STATUS),
    patch(f"{CORE}/pods/own/status", labels(a="b"), 'node "n1" cannot update labels through pod status'),
    patch(
        f"{CORE}/pods/own/status",
        {"status": {"resourceClaimStatuses": [{"name": "a", "resourceClaimName": "b"}]}},
        'node "n1" cannot update resource claim statues',
    ),
    patch(
        f"{CORE}/pods/own/status",
        {"status": {"extendedResourceClaimStatus": {"resourceClaimName": "b", "requestMappings": []}}},
        'node "n1" cannot update extended resource claim status',
    ),
    create(f"{CORE}/pods/own/eviction", {"metadata": {"name": "own"}}),
    create(f"{CORE}/pods/other/eviction", {"metadata": {"name": "other"}}, "node n1 can only evict pods with"),
    create(
        f"{CORE}/pods/own/binding",
        {"metadata": {"name": "own"}, "target": {"kind": "Node", "name": "n1"}},
        "unexpected pod subresource \"binding\", only 'status' and 'eviction' are allowed",
    ),
    # tokens
    create(TOKENS, token()),
    create(TOKENS, {"spec": {}}, "node requested token not bound to a pod"),
    create(TOKENS, token(kind="Secret"), "node requested token not bound to a pod"),
    create(TOKENS, token(uid=""), "node requested token with a pod binding without a uid"),
    create(TOKENS, token(uid="x"), "the UID in the bound object reference (x) does not match the UID in record."),
    create(TOKENS, token("other"), "node requested token bound to a pod scheduled on a different node"),
    create(TOKENS, token("own", "a", "b"), "node may only request 0 or 1 audiences"),
    create(TOKENS, token("own", "vault")),
    create(TOKENS, token("own", "storage")),
    create(TOKENS, token("own", "inline")),
    create(TOKENS, token("lost", "x"), 'error validating audience "x": persistentvolumeclaim "nope" not found'),
    create(f"{CORE}/serviceaccounts", {"metadata": {"name": "x"}}),
    # what bears the node's name
    create(LEASES.format("kube-node-lease"), {"metadata": {"name": "n1"}, "spec": {}}),
    create(LEASES.format("kube-node-lease"), {"metadata": {"name": "n2"}, "spec": {}}, OWN_LEASE),
    create(LEASES.format("default"), {"metadata": {"name": "n1"}, "spec": {}}, "can only access leases in the"),
    delete(f"{LEASES.format('kube-node-lease')}/taken", OWN_LEASE),
    create(CSI_NODES, {"metadata": {"name": "n1"}, "spec": {"drivers": []}}),
    create(CSI_NODES, {"metadata": {"name": "n3"}, "spec": {"drivers": []}}, OWN_CSI),
    delete(f"{CSI_NODES}/n2", OWN_CSI),
    create(SLICES, resource_slice("s", "n1")),
    create(SLICES, resource_slice("s", "n2"), "can only create ResourceSlice with the same NodeName as the requesting"),
    delete(f"{SLICES}/own"),
    delete(f"{SLICES}/other", "can only delete ResourceSlice with the same NodeName as the requesting node"),
    delete(SLICES, "can only delete ResourceSlice with the same NodeName as the requesting node"),
    # claims
    patch(f"{CORE}/persistentvolumeclaims/c/status", {"status": {"capacity": {"storage": "2Gi"}}}),
    patch(f"{CORE}/persistentvolumeclaims/c/status", {"status": {"phase": "Lost"}}, f"{PVC} status"),
    patch(f"{CORE}/persistentvolumeclaims/c/status", labels(a="b"), f"{PVC} metadata"),
    patch(f"{CORE}/persistentvolumeclaims/c", labels(a="b"), "may only update PVC status"),
    delete(f"{CORE}/persistentvolumeclaims/c", "may only update PVC status"),
    # certificates
    create("/apis/certificates.k8s.io/v1/certificatesigningrequests", csr("system:node:n1")),
    create(
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        csr("system:node:n2"),
        "can only create a node CSR with CN=system:node:n1",
    ),
    # everything else is none of this plugin's business
    create(f"{CORE}/configmaps", {"metadata": {"name": "x"}}),
]


def claim(name: str, bound: str = "") -> Any:
    """A PersistentVolumeClaim."""
    size = {"requests": {"storage": "1Gi"}}
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": size, "volumeName": bound},
    }


async def fill(api: API) -> None:
    """Two nodes, with a pod each, and what they use."""
    for name in ("n1", "n2"):
        await api.create(NODES, node(name, labels={"node-restriction.kubernetes.io/a": "x"}))
    await api.service_account()
    containers = [{"name": "main", "image": "i"}]
    audience = {"sources": [{"serviceAccountToken": {"audience": "vault", "path": "t"}}]}
    volumes = [
        {"name": "t", "projected": audience},
        {"name": "c", "persistentVolumeClaim": {"claimName": "c"}},
        {"name": "i", "csi": {"driver": "inline.example.com"}},
    ]
    for name, where, used in (
        ("own", "n1", volumes),
        ("other", "n2", []),
        ("lost", "n1", [{"name": "c", "persistentVolumeClaim": {"claimName": "nope"}}]),
    ):
        spec = {"nodeName": where, "containers": containers, "volumes": used}
        await api.create(f"{CORE}/pods", {"metadata": {"name": name}, "spec": spec})
    for driver, wanted in (("d.example.com", "storage"), ("inline.example.com", "inline")):
        requests = {"tokenRequests": [{"audience": wanted}], "volumeLifecycleModes": ["Persistent", "Ephemeral"]}
        await api.create("/apis/storage.k8s.io/v1/csidrivers", {"metadata": {"name": driver}, "spec": requests})
    csi = {"driver": "d.example.com", "volumeHandle": "h"}
    size = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    await api.create("/api/v1/persistentvolumes", {"metadata": {"name": "pv"}, "spec": {**size, "csi": csi}})
    await api.create(f"{CORE}/persistentvolumeclaims", claim("c", "pv"))
    await api.create(LEASES.format("kube-node-lease"), {"metadata": {"name": "taken"}, "spec": {}})
    for name, where in (("own", "n1"), ("other", "n2")):
        await api.create(SLICES, resource_slice(name, where))
    await api.create(CSI_NODES, {"metadata": {"name": "n2"}, "spec": {"drivers": []}})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[API]:
    """A server for all rows, which change nothing: each is a dry run."""
    options = AuthorizationOptions(authorization_mode=["AlwaysAllow"])
    async with running(authorization=options) as api:
        await fill(api)
        yield api


async def with_uids(api: API, body: Any) -> bytes:
    """The body, with the uids that it stands for."""
    data = orjson.dumps(body)
    for place, name in ((NODES, "n1"), *((f"{CORE}/pods", name) for name in ("own", "other", "lost"))):
        if (mark := f"UID-{name}".encode()) in data:
            data = data.replace(mark, (await api.get(f"{place}/{name}"))["metadata"]["uid"].encode())
    return data


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path.rpartition('/v1/')[2]} {row.why}")
async def test_row(api: API, row: Row) -> None:
    body = None if row.body is None else await with_uids(api, row.body)
    kind = "application/merge-patch+json" if row.method == "PATCH" else "application/json"
    query = {"dryRun": "All"}
    found = await api.call(row.method, row.path, body, user="node", content_type=kind, query=query)
    if not row.why:
        assert found.status in (200, 201), found
        return
    assert found.status == 403, found
    assert orjson.loads(await with_uids(api, row.why)) in found.body["message"]


@pytest.mark.asyncio(loop_scope="module")
async def test_an_audience_that_nobody_asks_for(api: API) -> None:
    """It is the verb request-serviceaccounts-token-audience that allows it, where the pod does not."""
    async with running() as strict:
        await fill(strict)
        found = await strict.call("POST", TOKENS, await with_uids(strict, token("own", "bank")), user="node")
        assert found.body["message"].endswith(f'{AUDIENCE} "bank"')
        rule = {"verbs": [AUDIENCE_VERB], "apiGroups": [""], "resources": ["bank"], "resourceNames": ["default"]}
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        await strict.create(f"{rbac}/clusterroles", {"metadata": {"name": "r"}, "rules": [rule]})
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}
        binding = {"metadata": {"name": "r"}, "roleRef": ref, "subjects": [subject]}
        await strict.create(f"{rbac}/clusterrolebindings", binding)
        found = await strict.call("POST", TOKENS, await with_uids(strict, token("own", "bank")), user="node")
        assert found.status == 201


@pytest.mark.asyncio(loop_scope="module")
async def test_who_is_no_node(api: API) -> None:
    assert (await api.patch(f"{NODES}/n2", labels(a="b"), user="joe", query={"dryRun": "All"})).status == 200
