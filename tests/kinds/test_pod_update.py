"""What may change in a pod, and how a refused change is told."""

import pytest

from tests.kinds.write import changed, created, pod, update_errors, updated

PREFIX = (
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
)
MANIFEST = pod(tolerations=[{"key": "a", "operator": "Exists"}], activeDeadlineSeconds=10)


def change(manifest, **spec):
    return changed(manifest, lambda copied: copied["spec"].update(spec))


def stored(manifest):
    made = created(manifest)
    made["metadata"]["resourceVersion"] = "1"
    return made


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"containers": [{"name": "main", "image": "luksa/kubia:v2"}]},
        {"activeDeadlineSeconds": 5},
        {"tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}]},
    ],
)
def test_allowed(spec):
    # The pull policy was settled when the pod was made; clients send it back.
    base = stored(MANIFEST)
    new = change({**base, "apiVersion": "v1", "kind": "Pod"}, **spec)
    if "containers" in spec:
        new["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    assert update_errors(base, new) == []


def test_a_fixed_field():
    errors = update_errors(stored(MANIFEST), change(MANIFEST, dnsPolicy="Default"))
    assert errors == [PREFIX + "- \tdnsPolicy: 'ClusterFirst'\n+ \tdnsPolicy: 'Default'\n"]


def test_containers_may_not_come_or_go():
    two = change(MANIFEST, containers=[*MANIFEST["spec"]["containers"], {"name": "b", "image": "x"}])
    assert update_errors(stored(MANIFEST), two) == [
        "spec.containers: Forbidden: pod updates may not add or remove containers"
    ]


def test_a_deadline_only_comes_nearer():
    assert update_errors(stored(MANIFEST), change(MANIFEST, activeDeadlineSeconds=11)) == [
        "spec.activeDeadlineSeconds: Invalid value: 11: must be less than or equal to previous value"
    ]


def test_only_tolerations_of_no_execute_have_seconds():
    tolerations = [{"key": "a", "operator": "Exists", "tolerationSeconds": 5}]
    told = update_errors(stored(MANIFEST), change(MANIFEST, tolerations=tolerations))
    detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
    assert told == [f'spec.tolerations[0].effect: Invalid value: "": {detail}'] * 2


def test_a_toleration_may_not_go():
    assert update_errors(stored(MANIFEST), change(MANIFEST, tolerations=[])) == [
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    ]


def test_a_negative_grace_period_may_become_1():
    negative, one = pod(terminationGracePeriodSeconds=-1), pod(terminationGracePeriodSeconds=1)
    assert update_errors(stored(negative), one) == []
    assert update_errors(stored(pod()), one)[0].startswith(PREFIX)


def test_gates_may_go_but_not_come():
    gated = pod(schedulingGates=[{"name": "g"}])
    assert update_errors(stored(gated), pod()) == []
    assert update_errors(stored(pod()), gated) == [
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"
    ]


def test_status_stays():
    base = stored(MANIFEST) | {"status": {"phase": "Running"}}
    assert updated(base, MANIFEST)["status"] == {"phase": "Running"}
