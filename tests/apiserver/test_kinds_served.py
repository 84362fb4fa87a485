"""Kinds as clients use them: created, shown, applied, given a status, changed and deleted, in every version."""

from typing import Any

import pytest

from tests.apiserver.harness import API, running
from tests.catalogue import CATALOGUE

Object = dict[str, Any]
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
HOOK = {
    "name": "a.example.com",
    "rules": [RULE],
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "failurePolicy": "Ignore",
    "clientConfig": {"service": {"name": "s", "namespace": "none"}},
}
MATCH = {"matchConstraints": {"resourceRules": [{**RULE, "resources": ["widgets"]}]}}
MUTATION = {"patchType": "JSONPatch", "jsonPatch": {"expression": "[JSONPatch{op: 'remove', path: '/a'}]"}}
CONTAINERS = {"containers": [{"name": "c", "image": "i"}]}
DEVICES = {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}
STRATEGY = {"strategy": "OldestEmulationVersion"}
# Kind -> its body without what every object has.
BODIES: dict[str, Object] = {
    "LimitRange": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}},
    "ResourceQuota": {"spec": {"hard": {"pods": "3"}}},
    "RuntimeClass": {"handler": "runc"},
    "ValidatingWebhookConfiguration": {"webhooks": [HOOK]},
    "MutatingWebhookConfiguration": {"webhooks": [HOOK]},
    "ValidatingAdmissionPolicy": {"spec": {**MATCH, "validations": [{"expression": "true"}]}},
    "ValidatingAdmissionPolicyBinding": {"spec": {"policyName": "p", "validationActions": ["Audit"]}},
    "MutatingAdmissionPolicy": {"spec": {**MATCH, "reinvocationPolicy": "Never", "mutations": [MUTATION]}},
    "MutatingAdmissionPolicyBinding": {"spec": {"policyName": "p"}},
    "APIService": {"spec": {"version": "v1", "group": "g.io", "groupPriorityMinimum": 1, "versionPriority": 1}},
    "PodDisruptionBudget": {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}},
    "PodSecurityPolicy": {
        "spec": {name: {"rule": "RunAsAny"} for name in ("seLinux", "runAsUser", "supplementalGroups", "fsGroup")}
    },
    "StorageClass": {"provisioner": "p.io/x"},
    "FlowSchema": {"spec": {"priorityLevelConfiguration": {"name": "l"}}},
    "PriorityLevelConfiguration": {"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}},
    "CSIDriver": {"spec": {"tokenRequests": [{"audience": "a"}]}},
    "CSINode": {"spec": {"drivers": [{"name": "d.io", "nodeID": "n", "topologyKeys": []}]}},
    "CSIStorageCapacity": {"storageClassName": "fast", "capacity": "1Gi"},
    "VolumeAttachment": {"spec": {"attacher": "d.io", "nodeName": "n", "source": {"persistentVolumeName": "pv"}}},
    "VolumeAttributesClass": {"driverName": "d.io", "parameters": {"iops": "5"}},
    "PersistentVolume": {
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/a"}}
    },
    "PersistentVolumeClaim": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    },
    "PodTemplate": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": CONTAINERS}},
    "NetworkPolicy": {"spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}},
    "PriorityClass": {"value": 5},
    "Lease": {"spec": {"holderIdentity": "me"}},
    "LeaseCandidate": {"spec": {"leaseName": "l", "binaryVersion": "1.37.0", "emulationVersion": "1.37.0", **STRATEGY}},
    "StorageVersionMigration": {"spec": {"resource": {"resource": "pods"}}},
    "RoleBinding": {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}]},
    "ClusterRoleBinding": {
        "roleRef": {"kind": "ClusterRole", "name": "r"},
        "subjects": [{"kind": "Group", "name": "g"}],
    },
    "Role": {"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]},
    "DeviceClass": {"spec": {"selectors": [{"cel": {"expression": "true"}}]}},
    "ResourceClaim": {"spec": {"devices": DEVICES}},
    "ResourceClaimTemplate": {"spec": {"spec": {"devices": DEVICES}}},
    "ResourceSlice": {
        "spec": {
            "driver": "d.io",
            "pool": {"name": "p", "resourceSliceCount": 1},
            "allNodes": True,
            "devices": [{"name": "d"}],
        }
    },
    "DeviceTaintRule": {"spec": {"taint": {"key": "a", "effect": "None"}}},
    "IPAddress": {"spec": {"parentRef": {"resource": "services", "name": "s", "namespace": "default"}}},
    "ServiceCIDR": {"spec": {"cidrs": ["10.200.0.0/24"]}},
    "HorizontalPodAutoscaler": {
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}
    },
}
# apiVersion and kind -> its body, where a version has other fields.
OTHERS: dict[tuple[str, str], Object] = {
    ("node.k8s.io/v1alpha1", "RuntimeClass"): {"spec": {"runtimeHandler": "runc"}},
    ("coordination.k8s.io/v1alpha1", "LeaseCandidate"): {
        "spec": {
            "leaseName": "l",
            "binaryVersion": "1.31.0",
            "emulationVersion": "1.31.0",
            "preferredStrategies": ["OldestEmulationVersion"],
        }
    },
}
for old in ("resource.k8s.io/v1beta1", "resource.k8s.io/v1alpha3"):
    flat = {"devices": {"requests": [{"name": "r", "deviceClassName": "c"}]}}
    OTHERS[old, "ResourceClaim"] = {"spec": flat}
    OTHERS[old, "ResourceClaimTemplate"] = {"spec": {"spec": flat}}
    slice_: Object = BODIES["ResourceSlice"]["spec"]
    OTHERS[old, "ResourceSlice"] = {"spec": {**slice_, "devices": [{"name": "d", "basic": {}}]}}
NAMES = {"APIService": "v1.g.io", "IPAddress": "192.168.0.7"}
SERVED = [(served, kind) for (_, kind), served in CATALOGUE.by_kind.items() if kind in BODIES]
IDS = [f"{served.version.api_version} {kind}" for served, kind in SERVED]


@pytest.mark.parametrize(("served", "kind"), SERVED, ids=IDS)
async def test_the_life_of_an_object(served: Any, kind: str) -> None:
    version = served.version.api_version
    name, scope = NAMES.get(kind, "mine"), "/namespaces/default" if served.kind.namespaced else ""
    collection = f"/{'apis' if '/' in version else 'api'}/{version}{scope}/{served.kind.plural}"
    place, body = (
        f"{collection}/{name}",
        {"apiVersion": version, "kind": kind, **OTHERS.get((version, kind), BODIES[kind])},
    )
    async with running() as api:
        await _applied_like_created(api, collection, {**body, "metadata": {"name": name}})
        made = await api.get(place)
        assert made["apiVersion"] == version
        rows = (await api.get(collection, accept=TABLE))["rows"]
        assert name in [row["cells"][0] for row in rows]
        labelled = {**made, "metadata": {**made["metadata"], "labels": {"x": "y"}}}
        assert (await api.call("PUT", place, labelled)).body["metadata"]["labels"] == {"x": "y"}
        if served.kind.has_status:
            assert (await api.patch(f"{place}/status", {"status": {}})).status == 200
        assert (await api.call("DELETE", place)).status == 200


async def _applied_like_created(api: API, collection: str, body: Object) -> None:
    """Applying on the server's side makes what creating makes, and does so once."""
    created = await api.create(collection, body, query={"dryRun": "All"})
    place, query = f"{collection}/{body['metadata']['name']}", {"fieldManager": "me"}
    how: Object = {"query": query, "content_type": "application/apply-patch+yaml"}
    applied = await api.call("PATCH", place, body, **how)
    assert applied.status == 201, applied
    again = await api.call("PATCH", place, body, **how)
    assert again.body["metadata"]["resourceVersion"] == applied.body["metadata"]["resourceVersion"]
    assert {**applied.body, "metadata": 0, "status": 0} == {**created, "metadata": 0, "status": 0}
