"""Sandbox and container configurations for CRI."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.container_config import MASKED, Prepared, container_config
from sampan.kubelet.dns import Resolver
from sampan.kubelet.pod_env import ConfigError
from sampan.kubelet.sandbox_config import sandbox_config
from sampan.machinery.meta import Object
from tests.kubelet.pods import pod, spec_of

CONFIG = KubeletConfig(node_name="n", node_ip="192.0.2.1", pod_cidr="", root_dir=Path("/k"), cri_socket="")


def sandbox(*containers: Object, **spec: Any) -> Any:
    return sandbox_config(pod(*containers, **spec), 3, CONFIG, Resolver(["192.0.2.53"]))


def test_a_sandbox_is_found_again_by_its_labels() -> None:
    found = sandbox()
    assert (found.metadata.name, found.metadata.uid, found.metadata.attempt) == ("web", "u1", 3)
    assert found.labels["io.kubernetes.pod.uid"] == "u1"
    assert found.log_directory == "/k/logs/default_web_u1"
    assert found.linux.cgroup_parent == "/kubepods/besteffort/podu1"
    assert (found.hostname, list(found.dns_config.servers)) == ("web", ["10.96.0.10"])


@pytest.mark.parametrize(
    ("spec", "modes"),
    [
        ({}, (pb.POD, pb.CONTAINER, pb.POD)),
        ({"hostNetwork": True, "hostPID": True, "hostIPC": True}, (pb.NODE, pb.NODE, pb.NODE)),
        ({"shareProcessNamespace": True}, (pb.POD, pb.POD, pb.POD)),
    ],
)
def test_namespaces(spec: Object, modes: tuple[int, int, int]) -> None:
    options = sandbox(**spec).linux.security_context.namespace_options
    assert (options.network, options.pid, options.ipc) == modes


def test_ports_and_names_on_the_hosts_network() -> None:
    ports = [{"containerPort": 80, "hostPort": 8080, "protocol": "UDP", "hostIP": "127.0.0.1"}]
    (mapping,) = sandbox(spec_of("main", ports=ports)).port_mappings
    assert (mapping.protocol, mapping.container_port, mapping.host_port) == (pb.UDP, 80, 8080)
    shared = sandbox(spec_of("main", ports=ports), hostNetwork=True)
    assert (list(shared.port_mappings), shared.hostname) == ([], "")


def made(image: Any = None, whole: Object | None = None, **spec: Any) -> Any:
    image = image or SimpleNamespace(id="sha256:1", username="", uid=pb.Int64Value(value=0))
    container = spec_of("main", **spec)
    what = pod(container, **(whole or {}))
    env = {"A": "1"}
    prepared = Prepared(
        pod=what, spec=container, restart_count=2, image=image, env=env, mounts=[], memory_capacity=4 << 30
    )
    return container_config(prepared, CONFIG)


def test_a_container_is_found_again_by_its_labels_and_annotations() -> None:
    found = made()
    assert found.labels["io.kubernetes.container.name"] == "main"
    assert found.annotations["io.kubernetes.container.restartCount"] == "2"
    assert (found.metadata.attempt, found.log_path, found.image.image) == (2, "main/2.log", "sha256:1")


def test_commands_are_expanded() -> None:
    found = made(command=["run", "$(A)"], args=["$(B)", "$$(A)"])
    assert (list(found.command), list(found.args)) == (["run", "1"], ["$(B)", "$(A)"])


def test_limits() -> None:
    linux = made(resources={"limits": {"cpu": "1", "memory": "64Mi"}}).linux.resources
    assert (linux.cpu_shares, linux.cpu_quota, linux.memory_limit_in_bytes, linux.oom_score_adj) == (
        1024,
        100_000,
        64 << 20,
        -997,
    )


def test_the_containers_security_overrides_the_pods() -> None:
    whole = {"securityContext": {"runAsUser": 1, "runAsGroup": 2, "supplementalGroups": [7], "fsGroup": 8}}
    found = made(whole=whole, securityContext={"runAsUser": 5, "capabilities": {"add": ["NET_ADMIN"]}})
    security = found.linux.security_context
    assert (security.run_as_user.value, security.run_as_group.value) == (5, 2)
    assert list(security.supplemental_groups) == [7, 8]
    assert list(security.capabilities.add_capabilities) == ["NET_ADMIN"]
    assert list(security.masked_paths) == MASKED
    assert security.seccomp.profile_type == pb.SecurityProfile.Unconfined
    assert not security.no_new_privs and not security.HasField("apparmor")


def test_privileged_containers_see_everything() -> None:
    security = made(securityContext={"privileged": True}).linux.security_context
    assert security.privileged and list(security.masked_paths) == []


def test_no_new_privileges_only_when_said() -> None:
    assert made(securityContext={"allowPrivilegeEscalation": False}).linux.security_context.no_new_privs


@pytest.mark.parametrize(
    ("kind", "profile", "reference"),
    [
        ("RuntimeDefault", pb.SecurityProfile.RuntimeDefault, ""),
        ("Localhost", pb.SecurityProfile.Localhost, "/k/seccomp/p.json"),
    ],
)
def test_seccomp_profiles(kind: str, profile: int, reference: str) -> None:
    wish = {"type": kind} | ({"localhostProfile": "p.json"} if kind == "Localhost" else {})
    found = made(securityContext={"seccompProfile": wish}).linux.security_context.seccomp
    assert (found.profile_type, found.localhost_ref) == (profile, reference)


@pytest.mark.parametrize("local", [None, "", "../p.json", "/etc/p.json", "a/../../p.json"])
def test_a_seccomp_profile_that_is_no_file_of_the_nodes_starts_nothing(local: str | None) -> None:
    """Rather than a container that is not confined (GO-2023-1864)."""
    with pytest.raises(ConfigError):
        made(securityContext={"seccompProfile": {"type": "Localhost", "localhostProfile": local}})


@pytest.mark.parametrize(
    ("username", "user", "message"),
    [
        ("", 0, "container has runAsNonRoot and image will run as root"),
        (
            "app",
            None,
            "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root",
        ),
        ("", None, "container's runAsUser breaks non-root policy"),
    ],
)
def test_run_as_non_root_is_checked(username: str, user: int | None, message: str) -> None:
    image = SimpleNamespace(id="i", username=username, uid=pb.Int64Value(value=user or 0))
    security = {"runAsNonRoot": True} | ({"runAsUser": 0} if not username and user is None else {})
    with pytest.raises(ConfigError) as error:
        made(image, securityContext=security)
    assert str(error.value) == f'{message} (pod: "web_default(u1)", container: main)'
