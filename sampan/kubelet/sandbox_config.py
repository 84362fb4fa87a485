"""CRI's PodSandboxConfig from a Pod. Pure; called by worker.py."""

from typing import Any

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.dns import Resolver, resolver_for
from sampan.kubelet.podspec import all_containers, host_name, uses_host_network
from sampan.kubelet.resources import cgroup_parent
from sampan.kubelet.runtime import pod_labels
from sampan.machinery.meta import Object, annotations_of, labels_of


def sandbox_config(pod: Object, attempt: int, config: KubeletConfig, host: Resolver) -> Any:
    """The PodSandboxConfig of a pod's `attempt`-th sandbox; `host` is the node's own resolv.conf."""
    meta, resolver = pod["metadata"], resolver_for(pod, host, config.cluster_dns, config.cluster_domain)
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=meta["name"], namespace=meta["namespace"], uid=meta["uid"], attempt=attempt
        ),
        hostname="" if uses_host_network(pod) else host_name(pod),
        log_directory=str(config.pod_log_dir(meta["namespace"], meta["name"], meta["uid"])),
        dns_config=pb.DNSConfig(servers=resolver.servers, searches=resolver.searches, options=resolver.options),
        port_mappings=_port_mappings(pod),
        labels={**labels_of(pod), **pod_labels(pod)},
        annotations=dict(annotations_of(pod)),
        linux=pb.LinuxPodSandboxConfig(
            cgroup_parent=cgroup_parent(pod, config.cgroup_root, config.systemd_cgroup),
            security_context=_security(pod),
            sysctls={entry["name"]: entry["value"] for entry in _pod_security(pod).get("sysctls") or ()},
        ),
    )


def namespace_options(pod: Object, target: str = "") -> Any:
    """Which namespaces are shared with whom; `target` is the container that an ephemeral one looks into."""
    spec = pod["spec"]
    pid = pb.POD if spec.get("shareProcessNamespace") else pb.CONTAINER
    pid = pb.NODE if spec.get("hostPID") else pid
    if target:
        pid = pb.TARGET
    return pb.NamespaceOption(
        network=pb.NODE if uses_host_network(pod) else pb.POD,
        pid=pid,
        ipc=pb.NODE if spec.get("hostIPC") else pb.POD,
        target_id=target,
    )


def supplemental_groups(pod: Object) -> list[int]:
    """securityContext.supplementalGroups and fsGroup."""
    security = _pod_security(pod)
    groups = list(security.get("supplementalGroups") or ())
    return [*groups, security["fsGroup"]] if security.get("fsGroup") is not None else groups


def _security(pod: Object) -> Any:
    security = _pod_security(pod)
    return pb.LinuxSandboxSecurityContext(
        namespace_options=namespace_options(pod),
        privileged=any((c.get("securityContext") or {}).get("privileged") for c in all_containers(pod)),
        supplemental_groups=supplemental_groups(pod),
        run_as_user=_int64(security.get("runAsUser")),
        run_as_group=_int64(security.get("runAsGroup")) if security.get("runAsUser") is not None else None,
        seccomp=pb.SecurityProfile(profile_type=pb.SecurityProfile.RuntimeDefault),
    )


def _port_mappings(pod: Object) -> list[Any]:
    if uses_host_network(pod):
        return []
    ports = [port for container in all_containers(pod) for port in container.get("ports") or ()]
    return [
        pb.PortMapping(
            protocol=pb.Protocol.Value(port.get("protocol") or "TCP"),
            container_port=port["containerPort"],
            host_port=port.get("hostPort") or 0,
            host_ip=port.get("hostIP") or "",
        )
        for port in ports
    ]


def _pod_security(pod: Object) -> Object:
    security: Object = pod["spec"].get("securityContext") or {}
    return security


def _int64(value: int | None) -> Any:
    return None if value is None else pb.Int64Value(value=value)
