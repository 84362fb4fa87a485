"""Lists that fill a body: what compares their items takes time that grows with them, and no faster.

Each is so long that comparing every item with every other would take minutes: the timeout is the assertion.
"""

from typing import Any

import pytest

from tests.kinds.definitions import STRING, crd, schema_errors
from tests.kinds.write import create_errors, pod, stored, update_errors

pytestmark = pytest.mark.timeout(30)
NAMES = [f"a{number}" for number in range(100_000)]
CLIENT = {"url": "https://a.example.com"}


def made(api_version: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "n"}, **fields}


def storage_class(*terms: dict[str, Any]) -> dict[str, Any]:
    return made("storage.k8s.io/v1", "StorageClass", provisioner="p", allowedTopologies=list(terms))


def term(key: str, *values: str) -> dict[str, Any]:
    return {"matchLabelExpressions": [{"key": key, "values": list(values)}]}


POLICY = {
    "matchConstraints": {
        "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"]}]
    },
    "variables": [{"name": name, "expression": "object.a"} for name in NAMES[:10_000]],
    "validations": [{"expression": "variables.a0 == variables.a9999"}],
}
HOOK = {"name": "a.b.c", "sideEffects": "None", "clientConfig": CLIENT, "admissionReviewVersions": ["v1", *NAMES]}
DRIVER = {"name": "d.io", "nodeID": "n", "topologyKeys": NAMES}
ADDRESSES = [{"type": "Hostname", "address": name} for name in NAMES]
WEBHOOK = {"conversionReviewVersions": ["v1", *NAMES], "clientConfig": CLIENT}


@pytest.mark.parametrize(
    "manifest",
    [
        made("storage.k8s.io/v1", "CSINode", spec={"drivers": [DRIVER]}),
        storage_class(term("a", *NAMES)),
        storage_class(*(term(name, "a") for name in NAMES[:50_000])),
        made("v1", "Node", status={"addresses": ADDRESSES}),
        made("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", webhooks=[HOOK]),
        made("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", spec=POLICY),
        crd(conversion={"strategy": "Webhook", "webhook": WEBHOOK}),
        pod(
            resourceClaims=[{"name": name, "resourceClaimName": "a"} for name in NAMES],
            containers=[{"name": "c", "image": "i", "resources": {"claims": [{"name": name} for name in NAMES]}}],
        ),
    ],
    ids=lambda manifest: manifest["kind"],
)
def test_items_are_all_different(manifest: dict[str, Any]) -> None:
    assert create_errors(manifest) == []


def test_conditions_of_devices() -> None:
    device = {"name": "d", "bindingConditions": NAMES, "bindingFailureConditions": [f"b{name}" for name in NAMES]}
    spec = {
        "driver": "d.io",
        "pool": {"name": "p", "resourceSliceCount": 1},
        "allNodes": True,
        "devices": [device],
    }
    told = create_errors(made("resource.k8s.io/v1", "ResourceSlice", spec=spec))
    assert len(told) == 2 and all("Too many: 100000" in text for text in told)


def test_tolerations_of_a_running_pod() -> None:
    def tolerating(names: list[str]) -> dict[str, Any]:
        return pod(tolerations=[{"key": name, "operator": "Exists"} for name in names])

    some = NAMES[:50_000]
    assert update_errors(stored(tolerating(some)), tolerating(some[::-1])) == []
    assert len(update_errors(stored(tolerating(some)), tolerating(some[1:]))) == 1


def test_gates_of_a_waiting_pod() -> None:
    def gated(names: list[str]) -> dict[str, Any]:
        return pod(schedulingGates=[{"name": name} for name in names])

    assert update_errors(stored(gated(NAMES)), gated(NAMES[::-1])) == []


def test_keys_of_a_list_that_is_a_map() -> None:
    keys = NAMES[:40_000]
    items = {"type": "object", "required": keys, "properties": dict.fromkeys(keys, STRING)}
    many = {"type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
    assert schema_errors({"type": "object", "properties": {"many": many}}) == []


def test_rules_beside_errors() -> None:
    """Whether the schema below a rule is sound is not asked of every error."""
    ruled = {"type": "object", "x-kubernetes-validations": [{"rule": "true"}]}
    wrong = {"type": "string", "x-kubernetes-list-type": "set"}
    names = NAMES[:10_000]
    properties = {**dict.fromkeys(names, ruled), **{f"b{name}": wrong for name in names}}
    assert len(schema_errors({"type": "object", "properties": properties})) == len(names)
