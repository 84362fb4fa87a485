"""PodSecurityPolicy, as old manifests have it."""

import pytest

from tests.kinds.write import cells, create_errors, created

ANY = {"rule": "RunAsAny"}
SPEC = {"seLinux": ANY, "runAsUser": ANY, "supplementalGroups": ANY, "fsGroup": ANY, "volumes": ["*"]}


def policy(version="policy/v1beta1", **spec):
    meta = {"name": "p"}
    return {"apiVersion": version, "kind": "PodSecurityPolicy", "metadata": meta, "spec": {**SPEC, **spec}}


@pytest.mark.parametrize("version", ["policy/v1beta1", "extensions/v1beta1"])
def test_an_old_manifest_is_taken(version):
    manifest = policy(version, hostPorts=[{"min": 10000, "max": 11000}], allowedCapabilities=["NET_ADMIN"])
    assert create_errors(manifest) == []
    assert created(manifest)["spec"]["allowPrivilegeEscalation"] is True
    shown = ["false", "NET_ADMIN", "RunAsAny", "RunAsAny", "RunAsAny", "RunAsAny", "false", "*"]
    assert cells(manifest) == shown


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        (
            {"runAsUser": {"rule": "Me", "ranges": [{"min": 5, "max": 1}]}},
            [
                'spec.runAsUser.rule: Unsupported value: "Me": '
                'supported values: "MustRunAs", "MustRunAsNonRoot", "RunAsAny"',
                'spec.runAsUser.ranges[0]: Invalid value: {"min":5,"max":1}: min cannot be greater than max',
            ],
        ),
        (
            {"requiredDropCapabilities": ["ALL"], "allowedCapabilities": ["ALL"]},
            ['spec.allowedCapabilities: Invalid value: "ALL": capability is also listed in requiredDropCapabilities'],
        ),
        (
            {"allowedFlexVolumes": [{}], "allowedHostPaths": [{}]},
            [
                "spec.allowedHostPaths[0]: Required value: is required",
                "spec.allowedFlexVolumes[0].driver: Required value: must specify a driver",
            ],
        ),
    ],
)
def test_rules(spec, errors):
    assert create_errors(policy(**spec)) == errors
