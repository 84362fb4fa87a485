"""Pods on a real containerd: their lives as the API shows them."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.pod import KIND as POD
from sampan.kubelet import cgroups
from sampan.kubelet import containerd_events_pb2 as pb
from sampan.kubelet.app import Kubelet
from sampan.kubelet.log_rotation import rotate, rotated
from sampan.kubelet.task_events import NAMESPACE, OOM
from sampan.machinery.meta import Object
from tests.kubelet.rig import BUSYBOX, Rig, container, eventually, is_ready, is_running, state_of
from tests.kubelet.runs import FOREVER, ended, log_text, output, restarted, run

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


async def announce_oom(node: Kubelet, identity: str) -> None:
    """What the runtime tells when the kernel has killed a process of a container."""
    publish = node.cri.channel.unary_unary(
        "/containerd.services.events.v1.Events/Publish",
        request_serializer=pb.PublishRequest.SerializeToString,
        response_deserializer=bytes,
    )
    event = pb.Any(type_url="containerd.events.TaskOOM", value=pb.TaskEvent(container_id=identity).SerializeToString())
    await publish(pb.PublishRequest(topic=OOM, event=event), metadata=(("containerd-namespace", NAMESPACE),))


async def test_a_pod_runs_and_is_deleted(rig: Rig, node: Kubelet) -> None:
    await rig.create("plain", {"containers": [container(FOREVER)], "terminationGracePeriodSeconds": 20})
    pod = await rig.until("plain", is_ready)
    status = pod["status"]
    assert status["containerStatuses"][0]["containerID"].startswith("containerd://")
    assert [c["type"] for c in status["conditions"]] == [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    await rig.delete("plain")
    assert await rig.told("plain", "Killing") == "Stopping container main"
    assert await rig.told("plain", "Created") == "Created container: main"

    async def forgotten() -> bool:
        return (await node.services.runtime.pod(pod["metadata"]["uid"])).sandboxes == ()

    await eventually(forgotten)
    assert not node.config.pod_dir(pod["metadata"]["uid"]).exists()


async def test_a_pod_succeeds_or_fails_by_its_exit_code(rig: Rig, node: Kubelet) -> None:
    failing = container("echo broken > /dev/termination-log; exit 3")
    await rig.create("fails", {"restartPolicy": "Never", "containers": [failing]})
    pod = await rig.until("fails", ended)
    terminated = state_of(pod)["terminated"]
    assert (pod["status"]["phase"], terminated["exitCode"], terminated["reason"]) == ("Failed", 3, "Error")
    assert terminated["message"] == "broken\n"
    assert await run(rig, node, "succeeds", "echo fine") == "fine\n"


async def test_a_pod_that_names_a_node_without_room_is_refused(rig: Rig, node: Kubelet) -> None:
    port = {"containerPort": 80, "hostPort": 23456}
    for name in ("first", "second"):
        await rig.create(name, {"containers": [{**container(FOREVER), "ports": [port]}]})
        if name == "first":
            await rig.until("first", is_ready)
    status = (await rig.until("second", ended))["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "NodePorts")
    message = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
    assert status["message"] == f"Pod was rejected: {message}"
    assert await rig.told("second", "NodePorts") == message
    await rig.delete("first")
    await rig.create("third", {"containers": [{**container(FOREVER), "ports": [port]}]})
    await rig.until("third", is_ready)


async def test_memory_that_ran_out_is_told_though_it_is_announced_when_all_is_over(rig: Rig, node: Kubelet) -> None:
    await rig.create("starved", {"restartPolicy": "Never", "containers": [container("exit 137")]})
    pod = await rig.until("starved", ended)
    assert state_of(pod)["terminated"]["reason"] == "Error"

    async def released() -> bool:
        return f"pod{pod['metadata']['uid']}" not in cgroups.children(f"{rig.cgroup_root}/kubepods/besteffort")

    await eventually(released)
    identity = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    await announce_oom(node, identity)
    pod = await rig.until("starved", lambda pod: state_of(pod)["terminated"]["reason"] == "OOMKilled")
    assert pod["status"]["phase"] == "Failed"


async def test_a_crashing_container_backs_off_and_keeps_its_last_words(rig: Rig, node: Kubelet) -> None:
    await rig.create("crash", {"containers": [container("echo run; exit 1")]})
    pod = await rig.until("crash", lambda pod: state_of(pod).get("waiting", {}).get("reason") == "CrashLoopBackOff")
    status = pod["status"]["containerStatuses"][0]
    uid = pod["metadata"]["uid"]
    message = f"back-off 10s restarting failed container=main pod=crash_default({uid})"
    assert status["state"]["waiting"]["message"] == message
    assert (status["restartCount"], pod["status"]["phase"]) == (1, "Running")
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert await output(node, "crash", 1) == "run\n"
    await rig.delete("crash")


async def test_init_containers_run_in_order_before_the_others(rig: Rig, node: Kubelet) -> None:
    mount = {"volumeMounts": [{"name": "work", "mountPath": "/scratch"}]}
    inits = [
        container("echo one >> /scratch/log", name="first", **mount),
        container("echo two >> /scratch/log", name="second", **mount),
    ]
    text = await run(
        rig,
        node,
        "inits",
        "cat /scratch/log",
        spec={"initContainers": inits, "volumes": [{"name": "work", "emptyDir": {}}]},
        **mount,
    )
    assert text == "one\ntwo\n"


async def test_a_failing_init_container_fails_the_pod(rig: Rig, node: Kubelet) -> None:
    spec = {"restartPolicy": "Never", "initContainers": [container("exit 1", name="first")]}
    await rig.create("badinit", spec | {"containers": [container("echo never")]})
    pod = await rig.until("badinit", ended)
    assert pod["status"]["phase"] == "Failed"
    assert state_of(pod) == {"waiting": {"reason": "PodInitializing"}}
    by_type = {c["type"]: c for c in pod["status"]["conditions"]}
    assert by_type["Initialized"]["message"] == "containers with incomplete status: [first]"


async def test_a_sidecar_starts_first_and_does_not_hold_the_pod_up(rig: Rig, node: Kubelet) -> None:
    sidecar = container(FOREVER, name="side", restartPolicy="Always")
    await run(rig, node, "sidecar", "echo done", spec={"initContainers": [sidecar]})
    pod = await rig.until("sidecar", lambda pod: "terminated" in pod["status"]["initContainerStatuses"][0]["state"])
    assert pod["status"]["phase"] == "Succeeded"


async def test_a_failing_liveness_probe_restarts_the_container(rig: Rig, node: Kubelet) -> None:
    probe = {"exec": {"command": ["sh", "-c", "echo bad; exit 1"]}, "periodSeconds": 1, "failureThreshold": 2}
    await rig.create("unwell", {"containers": [container("echo hi", FOREVER, livenessProbe=probe)]})
    await rig.until("unwell", restarted(1))
    assert await rig.told("unwell", "Killing") == "Container main failed liveness probe, will be restarted"
    assert await rig.told("unwell", "Unhealthy") == "Liveness probe failed: bad\n"
    await rig.delete("unwell", grace=0)


async def test_readiness_follows_an_http_probe(rig: Rig, node: Kubelet) -> None:
    probe = {"httpGet": {"path": "/index.html", "port": "web"}, "periodSeconds": 1, "successThreshold": 1}
    ports = [{"containerPort": 8080, "name": "web"}]
    await rig.create(
        "web", {"containers": [container("sleep 1; exec httpd -f -p 8080 -h /www", readinessProbe=probe, ports=ports)]}
    )
    pod = await rig.until("web", is_running)
    assert not is_ready(pod)
    await rig.until("web", is_ready)
    ip = pod["status"]["podIP"]
    refused = (
        f'Readiness probe failed: Get "http://{ip}:8080/index.html": dial tcp {ip}:8080: connect: connection refused'
    )
    assert await rig.told("web", "Unhealthy") == refused
    await rig.delete("web", grace=0)


async def test_hooks_run_around_the_container(rig: Rig, node: Kubelet) -> None:
    spoken = {
        "postStart": {"exec": {"command": ["sh", "-c", "echo post > /proc/1/fd/1"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo pre > /proc/1/fd/1; touch /hook/stopped"]}},
    }
    host = rig.directory / "hook"
    mount = {"volumeMounts": [{"name": "hook", "mountPath": "/hook"}]}
    volumes = [{"name": "hook", "hostPath": {"path": str(host), "type": "DirectoryOrCreate"}}]
    await rig.create("hooks", {"containers": [container(FOREVER, lifecycle=spoken, **mount)], "volumes": volumes})
    await rig.until("hooks", is_ready)
    assert "post\n" in await output(node, "hooks")
    await rig.delete("hooks")
    assert (host / "stopped").exists()


async def test_an_image_that_cannot_be_had_is_told(rig: Rig, node: Kubelet) -> None:
    never = container(FOREVER, image="registry.example/none:1", imagePullPolicy="Never")
    await rig.create("never", {"containers": [never]})
    pod = await rig.until("never", lambda pod: state_of(pod).get("waiting", {}).get("reason") == "ErrImageNeverPull")
    message = 'Container image "registry.example/none:1" is not present with pull policy of Never'
    assert state_of(pod)["waiting"]["message"] == message
    await rig.delete("never", grace=0)
    await rig.create("unpullable", {"containers": [container(FOREVER, image="127.0.0.1:1/none:1")]})
    reasons = {}
    for reason in ("ErrImagePull", "ImagePullBackOff"):
        pod = await rig.until("unpullable", lambda pod, r=reason: state_of(pod).get("waiting", {}).get("reason") == r)
        reasons[reason] = state_of(pod)["waiting"]["message"]
    assert reasons["ErrImagePull"].startswith("rpc error: code = ")
    assert reasons["ImagePullBackOff"].startswith(
        'Back-off pulling image "127.0.0.1:1/none:1": ErrImagePull: rpc error'
    )
    await rig.delete("unpullable", grace=0)


async def test_a_pod_past_its_deadline_fails(rig: Rig, node: Kubelet) -> None:
    await rig.create("deadline", {"containers": [container(FOREVER)], "activeDeadlineSeconds": 3})
    pod = await rig.until("deadline", ended)
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "DeadlineExceeded")
    await rig.until("deadline", lambda pod: "terminated" in state_of(pod))


async def test_security_and_identity_reach_the_container(rig: Rig, node: Kubelet) -> None:
    security = {"runAsUser": 1234, "runAsGroup": 99, "readOnlyRootFilesystem": True}
    script = ["id -u; id -g; hostname", "touch /x 2>/dev/null || echo read-only", "head -1 /etc/hosts"]
    text = await run(rig, node, "who", *script, securityContext=security, spec={"hostname": "sailor"})
    assert text == "1234\n99\nsailor\nread-only\n# Kubernetes-managed hosts file.\n"


async def test_limits_become_the_pods_cgroup(rig: Rig, node: Kubelet) -> None:
    limits = {"limits": {"cpu": "500m", "memory": "64Mi"}}
    await rig.create("limited", {"containers": [container(FOREVER, resources=limits)]})
    pod = await rig.until("limited", is_running)
    assert pod["status"]["qosClass"] == "Guaranteed"
    found = [f for name in ("memory.limit_in_bytes", "memory.max") for f in cgroup_files(rig, pod, name)]
    assert {f.read_text().strip() for f in found} == {str(64 * 1024 * 1024)}
    await rig.delete("limited")
    assert not cgroup_files(rig, pod, "")


def cgroup_files(rig: Rig, pod: Object, name: str) -> list[Path]:
    return list(Path("/sys/fs/cgroup").glob(f"**{rig.cgroup_root}/**/pod{pod['metadata']['uid']}/{name}"))


async def test_an_image_change_restarts_only_that_container(rig: Rig, node: Kubelet) -> None:
    await rig.create("change", {"containers": [container(FOREVER), container(FOREVER, name="other")]})
    await rig.until("change", is_ready)
    patch = [
        {
            "op": "replace",
            "path": "/spec/containers/0/image",
            "value": BUSYBOX.replace("registry.example", "nowhere.example"),
        }
    ]
    await rig.client.patch(POD, "change", patch, "default", type="json")
    await rig.until("change", lambda pod: "waiting" in state_of(pod))
    pod = await rig.client.get(POD, "change", "default")
    assert await rig.told("change", "Killing") == "Container main definition changed, will be restarted"
    assert pod["status"]["containerStatuses"][1]["restartCount"] == 0, pod["status"]
    await rig.delete("change", grace=0)


async def test_a_pod_has_a_token_of_its_service_account(rig: Rig, node: Kubelet) -> None:
    meta = {"name": "kube-root-ca.crt", "namespace": "default"}
    root = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"ca.crt": "the root"}}
    await rig.client.create(CONFIG_MAP, root)
    directory = "/var/run/secrets/kubernetes.io/serviceaccount"
    script = [f"cd {directory}; cat namespace; echo; cat ca.crt; echo; cat token"]
    text = await run(rig, node, "token", *script, spec={"automountServiceAccountToken": True})
    namespace, authority, token = text.split()[0], text.splitlines()[1], text.splitlines()[2]
    assert (namespace, authority, token.count(".")) == ("default", "the root", 2)


async def test_a_pod_that_still_pulls_is_deleted_at_once(rig: Rig, node: Kubelet) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # a registry that never answers
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as registry:
        image = f"127.0.0.1:{registry.sockets[0].getsockname()[1]}/slow:1"
        await rig.create("pulling", {"containers": [container(FOREVER, image=image)]})
        assert await rig.told("pulling", "Pulling") == f'Pulling image "{image}"'
        async with asyncio.timeout(20):
            await rig.delete("pulling")


async def test_a_dead_sandbox_is_replaced(rig: Rig, node: Kubelet) -> None:
    await rig.create("shell", {"containers": [container(FOREVER)]})
    pod = await rig.until("shell", is_ready)
    sandbox = (await node.services.runtime.pod(pod["metadata"]["uid"])).sandbox
    assert sandbox is not None
    os.kill(rig.pid(sandbox.id), signal.SIGKILL)
    again = await rig.until("shell", lambda pod: restarted(1)(pod) and is_ready(pod))
    assert again["status"]["podIP"] != pod["status"]["podIP"]
    assert await rig.told("shell", "SandboxChanged") == "Pod sandbox changed, it will be killed and re-created."
    await rig.delete("shell", grace=0)


async def test_many_pods_at_once(rig: Rig, node: Kubelet) -> None:
    names = [f"many-{number}" for number in range(12)]
    await asyncio.gather(*(rig.create(name, {"containers": [container(FOREVER)]}) for name in names))
    pods = await asyncio.gather(*(rig.until(name, is_ready) for name in names))
    assert len({pod["status"]["podIP"] for pod in pods}) == len(names)
    await asyncio.gather(*(rig.delete(name) for name in names))


async def test_a_log_is_rotated_while_it_is_written(rig: Rig, node: Kubelet) -> None:
    talk = "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.05; done"
    await rig.create("chatty", {"containers": [container(talk)], "terminationGracePeriodSeconds": 0})
    pod = await rig.until("chatty", is_ready)
    current = (await node.services.runtime.pod(pod["metadata"]["uid"])).latest("main")
    assert current is not None
    path = Path(current.log_path)

    async def written() -> bool:
        return bool(log_text(path))

    await eventually(written)
    await rotate(node.services, current.id, path)
    await eventually(written)
    (older,) = rotated(path)
    joined = (log_text(older) + log_text(path)).splitlines()
    assert joined == [f"line {number}" for number in range(1, len(joined) + 1)]
    await rig.delete("chatty")


async def test_a_command_that_is_not_there_is_told(rig: Rig, node: Kubelet) -> None:
    await rig.create("nocommand", {"containers": [container("", command=["/no/such/program"])]})
    pod = await rig.until("nocommand", restarted(1))
    pod = await rig.until("nocommand", lambda pod: state_of(pod).get("waiting", {}).get("reason") == "CrashLoopBackOff")
    ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert "/no/such/program" in ended["message"]
    assert (await rig.told("nocommand", "Failed")).startswith("Error: failed to create containerd task")
    await rig.delete("nocommand", grace=0)


async def test_a_second_deletion_may_be_less_patient(rig: Rig, node: Kubelet) -> None:
    deaf = container("trap '' TERM; while true; do sleep 0.1; done")
    await rig.create("deaf", {"containers": [deaf], "terminationGracePeriodSeconds": 600})
    await rig.until("deaf", is_ready)
    await rig.client.delete(POD, "deaf", "default")
    assert await rig.told("deaf", "Killing") == "Stopping container main"
    async with asyncio.timeout(20):
        await rig.delete("deaf", grace=1)


async def test_a_pod_may_use_the_hosts_namespaces(rig: Rig, node: Kubelet) -> None:
    script = ["head -1 /etc/hosts; hostname", "test -d /proc/$(cat /out/pid) && echo sees the node"]
    host = rig.directory / "host-out"
    host.mkdir()
    (host / "pid").write_text(str(os.getpid()))
    volumes = [{"name": "out", "hostPath": {"path": str(host)}}]
    mounts = [{"name": "out", "mountPath": "/out"}]
    spec = {"hostNetwork": True, "hostPID": True, "volumes": volumes}
    text = await run(rig, node, "host", *script, spec=spec, volumeMounts=mounts)
    header = "# Kubernetes-managed hosts file (host network).\n"
    assert text == f"{header}{os.uname().nodename}\nsees the node\n"
    pod = await rig.client.get(POD, "host", "default")
    assert pod["status"]["podIP"] == pod["status"]["hostIP"]


async def test_a_shared_process_namespace_has_pause_as_its_first_process(rig: Rig, node: Kubelet) -> None:
    text = await run(rig, node, "shared", "cat /proc/1/cmdline; echo", spec={"shareProcessNamespace": True})
    assert text == "/pause\0\n"


async def test_a_failing_post_start_hook_restarts_the_container(rig: Rig, node: Kubelet) -> None:
    hook = {"postStart": {"exec": {"command": ["false"]}}}
    await rig.create("badhook", {"containers": [container(FOREVER, lifecycle=hook)]})
    await rig.until("badhook", restarted(1))
    assert await rig.told("badhook", "FailedPostStartHook") == "PostStartHook failed"
    await rig.delete("badhook", grace=0)
