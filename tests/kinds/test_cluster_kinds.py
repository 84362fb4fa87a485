"""Node, Lease, PriorityClass, RBAC, reviews, Binding."""

import pytest

from tests.kinds.write import cells, create_errors, created, decoded, encoded, update_errors

RBAC = "rbac.authorization.k8s.io"


def node(spec=None, labels=None, **status):
    meta = {"name": "n1", "labels": labels or {}, "creationTimestamp": "2026-01-02T11:00:00Z"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec or {}, "status": status}


def stored(manifest):
    made = created(manifest)
    made["metadata"]["resourceVersion"] = "1"
    return made


@pytest.mark.parametrize(
    ("manifest", "printed"),
    [
        (node(), ["Unknown", "<none>"]),
        (node(conditions=[{"type": "Ready", "status": "True"}]), ["Ready", "<none>"]),
        (
            node({"unschedulable": True}, conditions=[{"type": "Ready", "status": "False"}]),
            ["NotReady,SchedulingDisabled", "<none>"],
        ),
        (
            node(labels={"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": ""}),
            ["Unknown", "control-plane,worker"],
        ),
        (node(labels={"kubernetes.io/role": "master"}), ["Unknown", "master"]),
    ],
)
def test_node_columns(manifest, printed):
    assert cells(manifest)[:2] == printed


def test_node_wide_columns():
    info = {"kubeletVersion": "v1.37.0", "osImage": "Debian", "kernelVersion": "6.1"}
    manifest = node(addresses=[{"type": "InternalIP", "address": "10.0.0.2"}], nodeInfo=info)
    assert cells(manifest, wide=True)[3:] == ["v1.37.0", "10.0.0.2", "<none>", "Debian", "6.1", "<unknown>"]


def test_node_defaults():
    made = created(node({"podCIDR": "10.244.0.0/24"}, capacity={"cpu": "2"}))
    assert made["spec"]["podCIDRs"] == ["10.244.0.0/24"]
    assert made["status"]["allocatable"] == {"cpu": "2"}


def test_node_rules():
    taint = {"key": "k", "effect": "NoSchedule"}
    assert create_errors(node({"taints": [taint, {**taint, "value": "v"}, {"key": "k", "effect": "Never"}]})) == [
        'spec.taints[1]: Duplicate value: {"key":"k","effect":"NoSchedule","value":"v"}: '
        "taints must be unique by key and effect pair",
        'spec.taints[2].effect: Unsupported value: "Never": supported values: '
        '"NoSchedule", "PreferNoSchedule", "NoExecute"',
    ]
    old = stored(node({"podCIDRs": ["10.244.0.0/24"], "providerID": "a"}))
    assert update_errors(old, node({"podCIDRs": ["10.244.1.0/24"], "providerID": "b"})) == [
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
        'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    ]


def test_lease():
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}}
    assert create_errors({**lease, "spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}) == [
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
    ]
    assert cells({**lease, "spec": {"holderIdentity": "me"}})[0] == "me"


def priority_class(name, value, **fields):
    meta = {"name": name}
    return {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": meta, "value": value, **fields}


def test_priority_class():
    made = stored(priority_class("high", 1000))
    assert made["preemptionPolicy"] == "PreemptLowerPriority"
    assert cells(made) == [1000, False, "<unknown>", "PreemptLowerPriority"]
    assert create_errors(priority_class("system-node-critical", 2000001000)) == []
    assert create_errors(priority_class("system-x", 1)) == [
        "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. "
        "error: system-x is not a known system priority class"
    ]
    assert create_errors(priority_class("high", 1000000001)) == [
        "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"
    ]
    assert update_errors(made, priority_class("high", 1)) == ["value: Forbidden: may not be changed in an update."]


def role(kind="Role", version="v1", **rule):
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]} | rule]
    return {"apiVersion": f"{RBAC}/{version}", "kind": kind, "metadata": {"name": "system:r"}, "rules": rules}


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (role(), []),
        (role(verbs=[]), ["rules[0].verbs: Required value: verbs must contain at least one value"]),
        (role(resources=[]), ["rules[0].resources: Required value: resource rules must supply at least one resource"]),
        (role(apiGroups=[]), ["rules[0].apiGroups: Required value: resource rules must supply at least one api group"]),
        (
            role("ClusterRole", nonResourceURLs=["/healthz"]),
            [
                'rules[0].nonResourceURLs: Invalid value: ["/healthz"]: '
                "rules cannot apply to both regular resources and non-resource URLs"
            ],
        ),
        (role("ClusterRole", nonResourceURLs=["/healthz"], apiGroups=[], resources=[]), []),
        (
            role(nonResourceURLs=["/x"], apiGroups=[], resources=[]),
            ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs'],
        ),
    ],
)
def test_roles(manifest, errors):
    assert create_errors(manifest) == errors


def binding(of="RoleBinding", version="v1", subjects=None, role="view"):
    return {
        "apiVersion": f"{RBAC}/{version}",
        "kind": of,
        "metadata": {"name": "b"},
        "roleRef": {"kind": "ClusterRole", "name": role},
        "subjects": subjects or [{"kind": "User", "name": "ann"}],
    }


def test_an_empty_api_group_is_none():
    """client-go's protobuf has it in every role reference, and upstream never writes it for a ServiceAccount."""
    manifest = binding(subjects=[{"kind": kind, "name": "x", "apiGroup": ""} for kind in ("User", "ServiceAccount")])
    manifest["roleRef"]["apiGroup"] = ""
    made = created(manifest)
    assert made["roleRef"]["apiGroup"] == RBAC
    assert [subject.get("apiGroup") for subject in made["subjects"]] == [RBAC, None]
    assert create_errors(manifest) == []


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_binding_defaults(version):
    subjects = [{"kind": "User", "name": "a"}, {"kind": "ServiceAccount", "name": "s", "namespace": "n"}]
    made = created(binding(version=version, subjects=subjects))
    assert made["roleRef"]["apiGroup"] == made["subjects"][0]["apiGroup"] == RBAC
    assert "apiGroup" not in made["subjects"][1]  # the core group's name is empty, and empty is unset
    assert create_errors(binding(version=version, subjects=subjects)) == []


def test_binding_rules():
    assert create_errors(binding("ClusterRoleBinding")) == []
    lost = binding("ClusterRoleBinding", subjects=[{"kind": "ServiceAccount", "name": "s"}])
    assert create_errors(lost) == ["subjects[0].namespace: Required value"]
    robot = binding(subjects=[{"kind": "Robot", "name": "r"}])
    assert create_errors(robot) == [
        'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"'
    ]
    other = binding(role="edit")
    shown = f'{{"kind":"ClusterRole","name":"edit","apiGroup":"{RBAC}"}}'
    assert update_errors(stored(binding()), other) == [f"roleRef: Invalid value: {shown}: cannot change roleRef"]


def test_rbac_columns():
    assert cells({**role(), "metadata": {"name": "r", "creationTimestamp": "2026-01-02T11:00:00Z"}}) == [
        "2026-01-02T11:00:00Z"
    ]
    subjects = [
        {"kind": "User", "name": "ann"},
        {"kind": "User", "name": "bob"},
        {"kind": "Group", "name": "g"},
        {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
    ]
    shown = cells(binding(subjects=subjects), wide=True)
    assert shown == ["ClusterRole/view", "<unknown>", "ann, bob", "g", "n/s"]


def review(kind="SubjectAccessReview", version="v1", **spec):
    return {"apiVersion": f"authorization.k8s.io/{version}", "kind": kind, "metadata": {}, "spec": spec}


def test_groups_of_old_access_reviews():
    stored_review = decoded(review(version="v1beta1", group=["a"], resourceAttributes={"verb": "get"}))
    assert stored_review["spec"]["groups"] == ["a"]
    assert encoded("authorization.k8s.io/v1beta1", stored_review)["spec"]["group"] == ["a"]


def test_access_review_rules():
    # Reviews have no name, which is the API server's business.
    found = [e for e in create_errors(review()) if not e.startswith("metadata")]
    assert found == [
        "spec.resourceAttributes: Invalid value: null: "
        "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        'spec.user: Invalid value: "": at least one of user or group must be specified',
    ]
    local = review("LocalSubjectAccessReview", user="u", resourceAttributes={"namespace": "other"})
    local["metadata"]["namespace"] = "default"
    assert [e for e in create_errors(local) if not e.startswith("metadata")] == [
        'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace'
    ]


def test_binding_of_a_pod():
    manifest = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Pod"}}
    assert create_errors(manifest) == [
        'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
        "target.name: Required value",
    ]
