"""Versions whose fields differ from today's: what they are stored as, and what is read back."""

import pytest

from tests.kinds.write import create_errors, created, encoded, served, stored, update_errors

RBAC = "rbac.authorization.k8s.io"


def binding(*subjects):
    role = {"kind": "ClusterRole", "name": "view"}
    return {
        "apiVersion": f"{RBAC}/v1alpha1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "b"},
        "roleRef": role,
        "subjects": list(subjects),
    }


@pytest.mark.parametrize(
    ("sent", "kept", "read"),
    [
        (
            {"kind": "User", "name": "u"},
            {"kind": "User", "name": "u", "apiGroup": RBAC},
            {"kind": "User", "name": "u", "apiVersion": f"{RBAC}/v1alpha1"},
        ),
        (
            {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
            {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
            {"kind": "ServiceAccount", "name": "s", "namespace": "n", "apiVersion": "v1"},
        ),
        (
            {"kind": "User", "name": "*"},
            {"kind": "Group", "name": "system:authenticated", "apiGroup": RBAC},
            {"kind": "Group", "name": "system:authenticated", "apiVersion": f"{RBAC}/v1alpha1"},
        ),
        (
            {"kind": "Robot", "name": "r", "apiVersion": "x.io/v1"},
            {"kind": "Robot", "name": "r", "apiGroup": "x.io"},
            {"kind": "Robot", "name": "r", "apiVersion": "x.io/"},
        ),
    ],
)
def test_subjects_had_a_version(sent, kept, read):
    made = created(binding(sent))
    assert (made["apiVersion"], made["subjects"]) == (f"{RBAC}/v1", [kept])
    assert encoded(f"{RBAC}/v1alpha1", made)["subjects"] == [read]


def test_runtime_classes_had_a_spec():
    meta = {"apiVersion": "node.k8s.io/v1alpha1", "kind": "RuntimeClass", "metadata": {"name": "kata"}}
    sent = {**meta, "spec": {"runtimeHandler": "kata", "overhead": {"podFixed": {"cpu": "1"}}}}
    made = created(sent)
    assert (made["handler"], made["overhead"], "spec" in made) == ("kata", {"podFixed": {"cpu": "1"}}, False)
    assert encoded("node.k8s.io/v1alpha1", made)["spec"] == sent["spec"]
    assert create_errors({**sent, "spec": {}}) == ["handler: Required value"]


def test_old_bindings_deny_without_parameters():
    meta = {"kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"}}
    spec = {"policyName": "p", "validationActions": ["Deny"], "paramRef": {"name": "n"}}
    for version, errors in (("v1alpha1", 0), ("v1beta1", 1), ("v1", 1)):
        sent = {**meta, "apiVersion": f"admissionregistration.k8s.io/{version}", "spec": spec}
        assert len(create_errors(sent)) == errors


def migration(api_version="v1", **resource):
    meta = {"kind": "StorageVersionMigration", "metadata": {"name": "m"}}
    return {**meta, "apiVersion": f"storagemigration.k8s.io/{api_version}", "spec": {"resource": resource}}


def test_migrations():
    assert create_errors(migration(group="apps", resource="deployments")) == []
    assert [error.partition(":")[0] for error in create_errors(migration(group="A", resource="B"))] == [
        "spec.resource.resource",
        "spec.resource.group",
    ]
    assert create_errors(migration()) == ["spec.resource.resource: Required value: resource is required to be set"]
    (error,) = update_errors(stored(migration(resource="pods")), migration(resource="nodes"))
    assert error.startswith("spec: Invalid value:") and error.endswith("field is immutable")
    old = created(migration("v1alpha1", group="apps", version="v1", resource="deployments"))
    assert old["spec"] == {"resource": {"group": "apps", "resource": "deployments"}}


def condition(type_, status):
    return {"type": type_, "status": status, "reason": "R", "lastTransitionTime": "2026-01-02T11:00:00Z"}


def status_errors(new, old):
    manifest = migration(resource="pods")
    check = served(manifest).kind.validate_status_update
    return [str(error).partition(": ")[2] for error in check({**manifest, "status": new}, {**manifest, "status": old})]


def test_statuses_of_migrations():
    done, failed = condition("Succeeded", "True"), condition("Failed", "True")
    assert status_errors({"resourceVersion": "12", "conditions": [done]}, {}) == []
    assert status_errors({"resourceVersion": "012"}, {}) == [
        'Invalid value: "012": resource version is not well formed: 012'
    ]
    assert status_errors({"resourceVersion": "13"}, {"resourceVersion": "12"}) == [
        'Invalid value: "13": field is immutable'
    ]
    (both,) = status_errors({"conditions": [done, failed]}, {})
    assert both.endswith("Both success and failed conditions cannot be true at the same time")
    (undone,) = status_errors({"conditions": []}, {"conditions": [done]})
    assert undone.endswith("Success condition cannot be set to false once it is true")


def test_conditions_of_migrations_had_times_of_updates():
    told = {"type": "Running", "status": "True", "lastUpdateTime": "2026-01-02T11:00:00Z"}
    manifest = {**migration("v1alpha1", resource="pods"), "status": {"conditions": [told]}}
    kept = served(manifest).version.convert.to_storage(manifest)
    assert kept["status"]["conditions"] == [
        {"type": "Running", "status": "True", "lastTransitionTime": "2026-01-02T11:00:00Z"}
    ]
    assert served(manifest).version.convert.from_storage(kept)["status"] == manifest["status"]


def candidate(version="v1beta1", **spec):
    body = {"leaseName": "l", "binaryVersion": "1.37.0", "emulationVersion": "1.36.0", **spec}
    meta = {"kind": "LeaseCandidate", "metadata": {"name": "c"}}
    return {**meta, "apiVersion": f"coordination.k8s.io/{version}", "spec": body}


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"strategy": "OldestEmulationVersion"}, []),
        ({"strategy": "example.com/mine"}, []),
        ({}, ["strategy: Required value"]),
        (
            {"strategy": "Newest"},
            ['strategy.strategy: Unsupported value: "Newest": supported values: "OldestEmulationVersion"'],
        ),
        (
            {"strategy": "OldestEmulationVersion", "emulationVersion": None},
            ["emulationVersion: Required value: must be specified when `strategy` is 'OldestEmulationVersion'"],
        ),
        (
            {"strategy": "x/y", "binaryVersion": "1.35.0"},
            ['binaryVersion: Invalid value: "1.35.0": must be greater than or equal to `emulationVersion`'],
        ),
        (
            {"strategy": "x/y", "binaryVersion": "1.35"},
            ['binaryVersion: Invalid value: "1.35": must be a valid semantic version'],
        ),
    ],
)
def test_candidates(spec, errors):
    assert create_errors(candidate(**spec)) == [f"spec.{error}" for error in errors]


def test_candidates_had_several_strategies():
    made = created(candidate("v1alpha1", preferredStrategies=["OldestEmulationVersion", "x/y"]))
    assert made["spec"]["strategy"] == "OldestEmulationVersion"
    assert encoded("coordination.k8s.io/v1alpha1", made)["spec"]["preferredStrategies"] == ["OldestEmulationVersion"]
    (error,) = update_errors(stored(candidate(strategy="x/y")), candidate(leaseName="m", strategy="x/y"))
    assert error == 'spec.leaseName: Invalid value: "m": field is immutable'


def test_leases_are_not_coordinated():
    spec = {"holderIdentity": "me", "strategy": "OldestEmulationVersion", "preferredHolder": "you"}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": spec}
    assert created(lease)["spec"] == {"holderIdentity": "me"}
