"""CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass."""

import pytest

from tests.kinds.write import cells, create_errors, created, served, stored, update_errors


def made(kind, version="v1", name="d.io", **fields):
    return {"apiVersion": f"storage.k8s.io/{version}", "kind": kind, "metadata": {"name": name}, **fields}


def driver(version="v1", **spec):
    return made("CSIDriver", version, spec=spec)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_driver_defaults_and_columns(version):
    obj = created(driver(version))
    assert obj["spec"]["fsGroupPolicy"] == "ReadWriteOnceWithFSType"
    assert cells(obj)[:6] == [True, False, False, "<unset>", False, "Persistent"]
    assert cells(driver(tokenRequests=[{"audience": "a"}, {}]))[3] == "a,"


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"tokenRequests": [{"audience": "a", "expirationSeconds": 600}]}, []),
        (
            {"fsGroupPolicy": "All"},
            ['fsGroupPolicy: Unsupported value: "All": supported values: "File", "None", "ReadWriteOnceWithFSType"'],
        ),
        (
            {"volumeLifecycleModes": ["Short"]},
            ['volumeLifecycleModes: Unsupported value: "Short": supported values: "Persistent", "Ephemeral"'],
        ),
        (
            {"tokenRequests": [{"expirationSeconds": 1}, {}]},
            [
                "tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
                'tokenRequests[1].audience: Duplicate value: ""',
            ],
        ),
        (
            {"nodeAllocatableUpdatePeriodSeconds": 5},
            ["nodeAllocatableUpdatePeriodSeconds: Invalid value: 5: must be greater than or equal to 10 seconds"],
        ),
        (
            {"serviceAccountTokenInSecrets": True},
            [
                "serviceAccountTokenInSecrets: Invalid value: true: "
                "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
            ],
        ),
    ],
)
def test_drivers(spec, errors):
    assert create_errors(driver(**spec)) == [f"spec.{error}" for error in errors]


def test_a_driver_keeps_how_it_attaches():
    assert update_errors(stored(driver()), driver(attachRequired=False)) == [
        "spec.attachedRequired: Invalid value: false: field is immutable"
    ]
    warn = served(driver()).kind.create_warnings
    assert len(list(warn(driver(tokenRequests=[{}])))) == 1 and not list(warn(driver()))


def node(*drivers):
    return made("CSINode", spec={"drivers": list(drivers)})


ON = {"name": "d.io", "nodeID": "n", "topologyKeys": ["zone"]}


def test_nodes():
    assert create_errors(node(ON)) == [] and cells(node(ON))[0] == 1
    assert create_errors(node({**ON, "nodeID": "", "topologyKeys": ["a", "a"]}, ON)) == [
        "spec.drivers[0].nodeID: Required value",
        'spec.drivers[0]: Duplicate value: "a"',
        'spec.drivers[1].name: Duplicate value: "d.io"',
    ]
    old = stored(node(ON))
    assert update_errors(old, node({**ON, "allocatable": {"count": 5}})) == []
    assert update_errors(old, node()) == []
    assert len(update_errors(old, node({**ON, "nodeID": "m"}))) == 1
    assert created({**node(ON), "status": {"storageHealth": [{"name": "d.io"}]}})["status"] == {}


def test_capacities():
    capacity = made("CSIStorageCapacity", storageClassName="fast", capacity="1Gi")
    assert create_errors(capacity) == [] and cells(capacity) == ["fast", "1Gi"]
    assert create_errors({**capacity, "capacity": "-1"}) == [
        'capacity: Invalid value: "-1": must be greater than or equal to 0'
    ]
    assert update_errors(stored(capacity), {**capacity, "storageClassName": "slow"}) == [
        'storageClassName: Invalid value: "slow": field is immutable'
    ]
    old = {**capacity, "nodeTopology": {"matchLabels": {"beta.kubernetes.io/os": "linux"}}}
    assert list(served(old).kind.warnings(old)) == [
        'nodeTopology.matchLabels.beta.kubernetes.io/os: deprecated since v1.14; use "kubernetes.io/os" instead'
    ]


def attachment(**source):
    return made("VolumeAttachment", spec={"attacher": "d.io", "nodeName": "n", "source": source})


INLINE = {"accessModes": ["ReadWriteOnce"], "csi": {"driver": "d.io", "volumeHandle": "h"}}
ONE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


@pytest.mark.parametrize(
    ("source", "errors"),
    [
        ({"persistentVolumeName": "pv"}, []),
        ({"inlineVolumeSpec": INLINE}, []),
        ({}, [f"spec.source: Required value: {ONE}"]),
        ({"persistentVolumeName": "pv", "inlineVolumeSpec": INLINE}, [f"spec.source: Forbidden: {ONE}"]),
        (
            {"inlineVolumeSpec": {**INLINE, "capacity": {"storage": "1"}, "volumeMode": "Block"}},
            [
                "spec.source.inlineVolumeSpec.capacity: Forbidden: "
                "may not be specified in the context of inline volumes",
                "spec.source.inlineVolumeSpec.volumeMode: Forbidden: "
                "may not specify volumeMode other than Filesystem in the context of inline volumes",
            ],
        ),
    ],
)
def test_attachments(source, errors):
    assert create_errors(attachment(**source)) == errors


def test_what_is_attached():
    old = stored(attachment(persistentVolumeName="pv"))
    assert cells(old)[:4] == ["d.io", "pv", "n", False]
    assert len(update_errors(old, attachment(persistentVolumeName="other"))) == 1
    status = {"attached": True, "attachError": {"errorCode": -1, "message": "x" * 1025}}
    assert [str(error) for error in served(old).kind.validate_status_update({**old, "status": status}, old)] == [
        "status.attachError.message: Too long: may not be more than 1024 bytes",
        "status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive",
    ]


def test_attributes():
    gold = made("VolumeAttributesClass", driverName="d.io", parameters={"iops": "5"})
    assert create_errors(gold) == [] and cells(gold)[0] == "d.io"
    assert create_errors({**gold, "parameters": {}}) == [
        "parameters: Required value: must contain at least one key/value pair"
    ]
    assert update_errors(stored(gold), {**gold, "driverName": "e.io"}) == [
        "driverName: Forbidden: updates to driverName are forbidden."
    ]
