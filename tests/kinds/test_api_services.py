"""APIService."""

import pytest

from tests.kinds.write import cells, create_errors, created, served, stored, update_errors

# As metrics-server publishes it.
SPEC = {
    "group": "metrics.k8s.io",
    "groupPriorityMinimum": 100,
    "insecureSkipTLSVerify": True,
    "service": {"name": "metrics-server", "namespace": "kube-system"},
    "version": "v1beta1",
    "versionPriority": 100,
}


def api_service(name="v1beta1.metrics.k8s.io", version="v1", **spec):
    body = {field: value for field, value in {**SPEC, **spec}.items() if value is not None}
    return {
        "apiVersion": f"apiregistration.k8s.io/{version}",
        "kind": "APIService",
        "metadata": {"name": name},
        "spec": body,
    }


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_published_one(version):
    manifest = api_service(version=version)
    assert create_errors(manifest) == [] == update_errors(stored(manifest), manifest)
    assert created(manifest)["spec"]["service"]["port"] == 443
    assert created(manifest)["status"] == {}


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (
            api_service("metrics"),
            [
                'metadata.name: Invalid value: "metrics": must be `spec.version+"."+spec.group`: '
                '"v1beta1.metrics.k8s.io"'
            ],
        ),
        (
            api_service("v1beta1.", group=None),
            ["spec.group: Required value: only v1 may have an empty group and it better be legacy kube"],
        ),
        (
            api_service(groupPriorityMinimum=20001, versionPriority=0),
            [
                "spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000",
                "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
            ],
        ),
        (
            api_service(service=None, caBundle="eHl6"),
            [
                'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
                "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
            ],
        ),
        (
            api_service(service={"port": 0}, caBundle="eA=="),
            [
                "spec.service.namespace: Required value",
                "spec.service.name: Required value",
                "spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
                "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
            ],
        ),
    ],
)
def test_rules(manifest, errors):
    assert create_errors(manifest) == errors


def test_what_is_served_here_is_available():
    local = created(api_service(service=None, insecureSkipTLSVerify=None))
    assert cells(local)[:2] == ["Local", "True"]
    assert local["status"]["conditions"][0]["reason"] == "Local"


def test_columns():
    down = {"type": "Available", "status": "False", "reason": "MissingEndpoints"}
    shown = {**api_service(), "status": {"conditions": [down]}}
    assert cells(shown)[:2] == ["kube-system/metrics-server", "False (MissingEndpoints)"]
    assert cells(api_service())[1] == "Unknown"


def test_status():
    kind, old = served(api_service()).kind, stored(api_service())
    new = {**old, "status": {"conditions": [{"type": "Available", "status": "Perhaps"}]}}
    assert [str(error) for error in kind.validate_status_update(new, old)] == [
        'status.conditions[0].status: Unsupported value: "Perhaps": supported values: "True", "False", "Unknown"'
    ]
