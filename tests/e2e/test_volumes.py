"""Volumes that outlive their pods: made for a claim, and made by hand, as books have them."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Kubectl, eventually, shell_pod

pytestmark = pytest.mark.node
PHASE = "jsonpath={.status.phase}"


def claim(name: str, **spec: Any) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def user(name: str, script: str, claimed: str) -> dict[str, Any]:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": claimed}}
    pod = shell_pod(name, script, volumes=[volume])
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return pod


def test_what_a_pod_has_written_the_next_one_reads(kubectl: Kubectl) -> None:
    kubectl.apply(claim("data"))
    assert kubectl("get", "pvc", "data", "-o", PHASE) == "Pending"  # the class waits for a pod
    kubectl.apply(user("first", "echo hello > /data/greeting; sleep 3600", "data"))
    kubectl("wait", "--for=condition=Ready", "pod/first", "--timeout=60s")
    volume = kubectl("get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}")
    kubectl("delete", "pod", "first", "--now")
    kubectl.apply(user("second", "sleep 3600", "data"))
    kubectl("wait", "--for=condition=Ready", "pod/second", "--timeout=60s")
    assert kubectl("exec", "second", "--", "cat", "/data/greeting") == "hello\n"
    directory = Path(kubectl("get", "pv", volume, "-o", "jsonpath={.spec.local.path}"))
    assert directory.is_dir()
    kubectl("delete", "pod", "second", "--now")
    kubectl("delete", "pvc", "data")
    eventually(lambda: volume not in kubectl.names("pv"), "the volume was not deleted")
    assert not directory.exists()


def test_a_volume_made_by_hand_is_bound_and_kept(kubectl: Kubectl, tmp_path: Path) -> None:
    name = f"{kubectl.namespace}-pv"
    spec = {"capacity": {"storage": "10Mi"}, "accessModes": ["ReadWriteOnce", "ReadOnlyMany"]}
    spec |= {"persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": str(tmp_path)}, "storageClassName": name}
    kubectl.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})
    try:
        kubectl.apply(claim("mine", storageClassName=name))
        eventually(lambda: kubectl("get", "pvc", "mine", "-o", PHASE) == "Bound", "the claim was not bound")
        kubectl.apply(user("mongodb", "echo kept > /data/file; sleep 3600", "mine"))
        kubectl("wait", "--for=condition=Ready", "pod/mongodb", "--timeout=60s")
        kubectl("delete", "pod", "mongodb", "--now")
        kubectl("delete", "pvc", "mine")
        eventually(lambda: kubectl("get", "pv", name, "-o", PHASE) == "Released", "the volume was not released")
        assert (tmp_path / "file").read_text() == "kept\n"
    finally:
        kubectl("delete", "pv", name)
