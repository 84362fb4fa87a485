"""Where a container's variables and volumes come from, on a real containerd."""

import base64

import pytest

from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.secret import KIND as SECRET
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kubelet.app import Kubelet
from tests.kubelet.rig import Rig, container, is_running, state_of
from tests.kubelet.runs import FOREVER, ended, output, run

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


async def test_variables_come_from_all_their_sources(rig: Rig, node: Kubelet) -> None:
    meta = {"name": "source", "namespace": "default"}
    secret = {"password": base64.b64encode(b"hush").decode()}
    await rig.client.create(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"A": "a"}})
    await rig.client.create(SECRET, {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": secret})
    service = {"metadata": {"name": "web-shop", "namespace": "default"}, "spec": {"ports": [{"port": 80}]}}
    await rig.client.create(SERVICE, {"apiVersion": "v1", "kind": "Service"} | service)
    env = [
        {"name": "B", "value": "$(A)-b $(NOPE) $$(A)"},
        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "source", "key": "password"}}},
        {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "x", "optional": True}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
    ]
    text = await run(rig, node, "env", "env", envFrom=[{"configMapRef": {"name": "source"}}], env=env)
    found = dict(line.split("=", 1) for line in text.splitlines())
    assert (found["A"], found["B"], found["C"]) == ("a", "a-b $(NOPE) $(A)", "hush")
    assert "D" not in found
    assert found["IP"].startswith("10.") and found["CPU"] == "2"
    assert found["WEB_SHOP_PORT_80_TCP_ADDR"] == found["WEB_SHOP_SERVICE_HOST"]
    assert found["KUBERNETES_SERVICE_PORT"] == "443"


async def test_a_missing_source_is_told_and_mended(rig: Rig, node: Kubelet) -> None:
    env = [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "x"}}}]
    await rig.create("late", {"containers": [container(FOREVER, env=env)]})
    pod = await rig.until("late", lambda pod: state_of(pod).get("waiting", {}).get("message"))
    assert state_of(pod)["waiting"] == {"reason": "CreateContainerConfigError", "message": 'configmap "late" not found'}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late", "namespace": "default"}}
    await rig.client.create(CONFIG_MAP, config | {"data": {"x": "1"}})
    await rig.until("late", is_running)
    await rig.delete("late", grace=0)


async def test_volumes_have_their_content_and_follow_changes(rig: Rig, node: Kubelet) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files", "namespace": "default"}}
    await rig.client.create(CONFIG_MAP, config | {"data": {"greeting": "hello"}})
    volumes = [
        {"name": "config", "configMap": {"name": "files"}},
        {"name": "down", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"name": "fast", "emptyDir": {"medium": "Memory"}},
    ]
    mounts = [
        {"name": "config", "mountPath": "/config"},
        {"name": "config", "mountPath": "/single", "subPath": "greeting"},
        {"name": "down", "mountPath": "/down"},
        {"name": "fast", "mountPath": "/fast"},
    ]
    script = ["cat /config/greeting /single /down/name", "until test $(cat /config/greeting) = bye; do sleep 0.1; done"]
    spec = {"restartPolicy": "Never", "volumes": volumes, "containers": [container(*script, volumeMounts=mounts)]}
    await rig.create("volumes", spec)
    await rig.until("volumes", is_running)
    await rig.client.patch(CONFIG_MAP, "files", {"data": {"greeting": "bye"}}, "default")
    await rig.until("volumes", ended)
    assert await output(node, "volumes") == "hellohellovolumes\n"


async def test_a_missing_volume_source_is_told(rig: Rig, node: Kubelet) -> None:
    volumes = [{"name": "config", "configMap": {"name": "absent"}}]
    await rig.create("novolume", {"containers": [container(FOREVER)], "volumes": volumes})
    await rig.until("novolume", lambda pod: pod["status"].get("containerStatuses"))
    assert await rig.told("novolume", "FailedMount") == (
        'MountVolume.SetUp failed for volume "config" : configmap "absent" not found'
    )
    await rig.delete("novolume", grace=0)
