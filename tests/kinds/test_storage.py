"""StorageClass, PersistentVolume, PersistentVolumeClaim, PodTemplate."""

import pytest

from tests.kinds.write import cells, create_errors, created, pod, served, stored, update_errors, updated


def storage_class(version="v1", annotations=None, **fields):
    meta = {"name": "fast", **({"annotations": annotations} if annotations else {})}
    body = {"provisioner": "ebs.csi.aws.com", **fields}
    return {"apiVersion": f"storage.k8s.io/{version}", "kind": "StorageClass", "metadata": meta, **body}


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_class_defaults_and_columns(version):
    made = stored(storage_class(version))
    assert (made["reclaimPolicy"], made["volumeBindingMode"]) == ("Delete", "Immediate")
    assert cells(made)[:4] == ["ebs.csi.aws.com", "Delete", "Immediate", False]
    assert update_errors(made, storage_class(version, parameters={"type": "io1"})) == [
        'parameters: Invalid value: {"type":"io1"}: field is immutable'
    ]


def test_the_default_class_is_marked():
    default = storage_class(annotations={"storageclass.kubernetes.io/is-default-class": "true"})
    name = served(default).kind.columns[0].cell
    assert (name(default, None), name(storage_class(), None)) == ("fast (default)", "fast")


def topology(*values, key="topology.kubernetes.io/zone"):
    return {"matchLabelExpressions": [{"key": key, "values": list(values)}]}


T = "allowedTopologies"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"provisioner": ""}, ["provisioner: Required value"]),
        ({"parameters": {"": "a"}}, ['parameters: Invalid value: "": field can not be empty.']),
        ({"parameters": {"a": "x" * (256 * 1024)}}, ["parameters: Too long: may not be more than 262144 bytes"]),
        (
            {"reclaimPolicy": "Recycle"},
            ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
        ),
        (
            {"volumeBindingMode": "Never"},
            ['volumeBindingMode: Unsupported value: "Never": supported values: "Immediate", "WaitForFirstConsumer"'],
        ),
        ({T: [topology("a", "b")]}, []),
        ({T: [topology()]}, [f"{T}[0].matchLabelExpressions[0].values: Required value"]),
        ({T: [topology("a", "a")]}, [f'{T}[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"']),
        ({T: [topology("a"), topology("b"), {}]}, [f'{T}[2].matchLabelExpressions: Duplicate value: ""']),
        ({T: [topology("a"), topology("a")]}, [f'{T}[1].matchLabelExpressions: Duplicate value: ""']),
    ],
)
def test_classes(fields, errors):
    assert create_errors(storage_class(**fields)) == errors


def test_a_class_warns_of_old_labels():
    old = storage_class(allowedTopologies=[topology("a", key="failure-domain.beta.kubernetes.io/zone")])
    assert list(served(old).kind.warnings(old)) == [
        f'{T}[0].matchLabelExpressions[0].key: deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
    ]


def volume(annotations=None, **spec):
    meta = {"name": "pv", **({"annotations": annotations} if annotations else {})}
    body = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
        "hostPath": {"path": "/data"},
        **spec,
    }
    body = {field: value for field, value in body.items() if value is not None}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": body}


def of(type_, **source):
    return volume(hostPath=None, **{type_: source})


NODE = {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}


def test_volume_defaults_and_columns():
    made = created(volume())
    assert (made["spec"]["persistentVolumeReclaimPolicy"], made["spec"]["volumeMode"]) == ("Retain", "Filesystem")
    assert made["status"]["phase"] == "Pending"
    shown = {**made, "spec": {**made["spec"], "claimRef": {"namespace": "n", "name": "c"}, "storageClassName": "s"}}
    assert cells(shown)[:8] == ["1Gi", "RWO,ROX", "Retain", "Pending", "n/c", "s", "<unset>", ""]
    assert created(of("rbd", monitors=["a"], image="b"))["spec"]["rbd"]["pool"] == "rbd"


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (volume(), []),
        (volume(accessModes=[]), ["spec.accessModes: Required value"]),
        (
            volume(accessModes=["ReadWriteOncePod", "ReadWriteMany"]),
            ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
        ),
        (
            volume(capacity={}),
            ["spec.capacity: Required value", 'spec.capacity: Unsupported value: {}: supported values: "storage"'],
        ),
        (volume(capacity={"storage": "0"}), ['spec.capacity[storage]: Invalid value: "0": must be greater than zero']),
        (volume(hostPath=None), ["spec: Required value: must specify a volume type"]),
        (volume(nfs={}), ["spec.nfs: Forbidden: may not specify more than 1 volume type"]),
        (of("nfs", server="a", path="b"), ['spec.nfs.path: Invalid value: "b": must be an absolute path']),
        (of("local", path="/a"), ["spec.nodeAffinity: Required value: Local volume requires node affinity"]),
        (volume(hostPath=None, local={"path": "/a"}, nodeAffinity=NODE), []),
        (
            volume(nodeAffinity={}),
            ["spec.nodeAffinity.required: Required value: must specify required node constraints"],
        ),
        (
            volume(hostPath={"path": "/"}, persistentVolumeReclaimPolicy="Recycle"),
            ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
        ),
        (
            of("csi", driver="a.b", nodeStageSecretRef={}, nodePublishSecretRef={"name": "s"}),
            [
                "spec.csi.volumeHandle: Required value",
                "spec.csi.nodePublishSecretRef.namespace: Required value",
            ],
        ),
        (
            of("iscsi", targetPortal="10.0.0.1:3260", iqn="iqn.bad", lun=256),
            [
                'spec.iscsi.iqn: Invalid value: "iqn.bad": must be valid format',
                "spec.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
            ],
        ),
        (
            of("fc"),
            ["spec.fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both"],
        ),
        (
            of("flexVolume", driver="d", options={"kubernetes.io/x": "y"}),
            [
                'spec.flexVolume.options[kubernetes.io/x]: Invalid value: "kubernetes.io/x": '
                "kubernetes.io and k8s.io namespaces are reserved"
            ],
        ),
        (
            volume(volumeAttributesClassName="gold"),
            ["spec.csi: Required value: has to be specified when using volumeAttributesClassName"],
        ),
        (
            volume(annotations={"volume.beta.kubernetes.io/mount-options": "ro"}),
            [
                "metadata.annotations.volume.beta.kubernetes.io/mount-options: Forbidden: "
                "may not specify mount options for this volume type"
            ],
        ),
    ],
)
def test_volumes(manifest, errors):
    assert create_errors(manifest) == errors


def test_a_volume_lies_where_it_lies():
    old = stored(volume())
    assert update_errors(old, volume(capacity={"storage": "2Gi"})) == []
    moved = update_errors(old, volume(hostPath={"path": "/other"}))
    assert len(moved) == 1
    assert moved[0].startswith("spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after")
    assert "- \thostPath.path: '/data'\n+ \thostPath.path: '/other'" in moved[0]
    handle = {"driver": "a.b", "volumeHandle": "h"}
    secret = {"controllerExpandSecretRef": {"name": "s", "namespace": "n"}}
    assert update_errors(stored(of("csi", **handle)), of("csi", **handle, **secret)) == []
    assert len(update_errors(stored(volume(nodeAffinity=NODE)), volume())) == 1


def test_volume_warnings():
    old = volume({"volume.beta.kubernetes.io/storage-class": "s"}, persistentVolumeReclaimPolicy="Recycle", rbd={})
    assert list(served(old).kind.warnings(old)) == [
        'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" '
        "attribute instead",
        "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
        "approach is to use dynamic provisioning.",
        "spec.rbd: deprecated in v1.28, non-functional in v1.31+",
    ]


def claim(size="1Gi", annotations=None, **spec):
    meta = {"name": "c", **({"annotations": annotations} if annotations else {})}
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}
    body = {field: value for field, value in body.items() if value is not None}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": body}


def bound(**spec):
    obj = stored(claim(volumeName="pv", **spec))
    status = {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
    return {**obj, "status": status}


def test_claim_defaults_and_columns():
    made = created(claim(storageClassName="s"))
    assert (made["spec"]["volumeMode"], made["status"]) == ("Filesystem", {"phase": "Pending"})
    assert cells(made)[:6] == ["Pending", "", "", "", "s", "<unset>"]
    assert cells(bound())[:5] == ["Bound", "pv", "1Gi", "RWO", ""]


SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"}
POPULATOR = {"apiGroup": "x.io", "kind": "Thing", "name": "t"}


def test_data_sources():
    assert created(claim(dataSource=SNAPSHOT))["spec"]["dataSourceRef"] == SNAPSHOT
    assert created(claim(dataSourceRef=POPULATOR))["spec"]["dataSource"] == POPULATOR
    ignored = created(claim(dataSource=POPULATOR))["spec"]
    assert "dataSource" not in ignored and "dataSourceRef" not in ignored
    foreign = created(claim(dataSourceRef={**SNAPSHOT, "namespace": "other"}))["spec"]
    assert "dataSource" not in foreign and "dataSourceRef" not in foreign
    old = stored(claim(dataSource=SNAPSHOT))
    assert updated(old, claim(dataSource=SNAPSHOT))["spec"]["dataSourceRef"] == SNAPSHOT
    assert create_errors(claim(dataSource=SNAPSHOT, dataSourceRef=POPULATOR)) == [
        'spec: Invalid value: "spec.dataSource": must match dataSourceRef'
    ]


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (claim(accessModes=[]), ["spec.accessModes: Required value: at least 1 access mode is required"]),
        (
            claim(accessModes=["Mine"]),
            [
                'spec.accessModes: Unsupported value: "Mine": supported values: "ReadOnlyMany", "ReadWriteMany", '
                '"ReadWriteOnce", "ReadWriteOncePod"'
            ],
        ),
        (claim(resources={}), ["spec.resources[storage]: Required value"]),
        (claim("0"), ['spec.resources[storage]: Invalid value: "0": must be greater than zero']),
        (
            claim(volumeMode="File"),
            ['spec.volumeMode: Unsupported value: "File": supported values: "Block", "Filesystem"'],
        ),
        (
            claim(dataSourceRef={"kind": "Thing"}),
            [
                f"spec.{field}{rest}"
                for field in ("dataSource", "dataSourceRef")
                for rest in (
                    ".name: Required value",
                    ": Invalid value: \"Thing\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
                )
            ],
        ),
    ],
)
def test_claims(manifest, errors):
    assert create_errors(manifest) == errors


def test_what_may_change_in_a_claim():
    assert update_errors(bound(), claim("2Gi", volumeName="pv")) == []
    assert update_errors(stored(claim()), claim(volumeName="pv")) == []
    assert update_errors(stored(claim()), claim(storageClassName="s")) == []
    early = update_errors(stored(claim()), claim("2Gi"))
    assert early[0].startswith("spec: Forbidden: spec is immutable after creation except resources.requests and ")
    assert "resources.requests.storage: '1Gi'" in early[0]
    assert len(update_errors(bound(), claim(volumeName="other"))) == 1
    assert update_errors(bound(), claim("1Mi", volumeName="pv")) == [
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    ]


def test_a_class_moves_from_the_annotation():
    annotation = "volume.beta.kubernetes.io/storage-class"
    old = stored(claim(annotations={annotation: "s"}))
    assert update_errors(old, claim(annotations={annotation: "s"}, storageClassName="s")) == []
    assert update_errors(old, claim(annotations={annotation: "t"})) == [
        f'metadata.annotations.{annotation}: Invalid value: "t": field is immutable'
    ]
    assert list(served(old).kind.warnings(claim("1500m", annotations={annotation: "s"}))) == [
        f'metadata.annotations[{annotation}]: deprecated since v1.8; use "storageClassName" attribute instead',
        'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
    ]


def test_the_attributes_of_a_claim_are_not_taken_away():
    old = bound(volumeAttributesClassName="gold")
    old["status"]["currentVolumeAttributesClassName"] = "gold"
    assert update_errors(old, claim(volumeName="pv", volumeAttributesClassName="silver")) == []
    assert update_errors(old, claim(volumeName="pv")) == [
        "spec.volumeAttributesClassName: Forbidden: "
        "update to nil is forbidden when status.currentVolumeAttributesClassName is not nil"
    ]


def test_the_status_of_a_claim():
    old = bound()
    status = {
        "capacity": {"storage": "-1"},
        "allocatedResources": {"cpu": "1"},
        "allocatedResourceStatuses": {"storage": "Done"},
    }
    found = [str(error) for error in served(claim()).kind.validate_status_update({**old, "status": status}, old)]
    assert found == [
        "status.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
        'status.allocatedResourceStatuses: Unsupported value: "storage": supported values: '
        '"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", '
        '"NodeResizePending"',
        'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
    ]


def template(**spec):
    body = {"metadata": {"labels": {"app": "kubia"}}, "spec": {**pod()["spec"], **spec}}
    return {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "t"}, "template": body}


def test_pod_templates():
    made = created(template())
    assert made["template"]["spec"]["restartPolicy"] == "Always"
    assert cells(made) == ["main", "luksa/kubia", "app=kubia"]
    assert create_errors(template(containers=[])) == ["template.spec.containers: Required value"]
