"""CRI's ContainerConfig from a container's spec and what was prepared for it. Pure; called by start.py.

The security fields follow docs "Configure a Security Context"; the masked and read-only paths are those that OCI
runtimes hide by default and CRI leaves to its caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet import runtime
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.expansion import expand
from sampan.kubelet.pod_env import ConfigError
from sampan.kubelet.podspec import container_hash, full_name
from sampan.kubelet.resources import PERIOD, container_limits, effective_resources, oom_score
from sampan.kubelet.sandbox_config import namespace_options, supplemental_groups
from sampan.machinery.meta import Object

MASKED = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a container is made of beside its spec."""

    pod: Object
    spec: Object
    restart_count: int
    image: Any  # CRI's Image
    env: Mapping[str, str]
    mounts: Sequence[Any]  # CRI's Mount
    memory_capacity: int  # of the node, bytes
    target: str = ""  # id of the container that an ephemeral one targets


def container_config(made: Prepared, config: KubeletConfig) -> Any:
    """The ContainerConfig; raises ConfigError where runAsNonRoot can't be granted."""
    spec = made.spec
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=spec["name"], attempt=made.restart_count),
        image=pb.ImageSpec(image=made.image.id, user_specified_image=spec["image"]),
        command=[expand(text, made.env) for text in spec.get("command") or ()],
        args=[expand(text, made.env) for text in spec.get("args") or ()],
        working_dir=spec.get("workingDir") or "",
        envs=[pb.KeyValue(key=name, value=value) for name, value in made.env.items()],
        mounts=made.mounts,
        labels=runtime.pod_labels(made.pod) | {runtime.CONTAINER_NAME: spec["name"]},
        annotations=_annotations(made),
        log_path=f"{spec['name']}/{made.restart_count}.log",
        stdin=bool(spec.get("stdin")),
        stdin_once=bool(spec.get("stdinOnce")),
        tty=bool(spec.get("tty")),
        linux=pb.LinuxContainerConfig(resources=_resources(made), security_context=_security(made, config)),
    )


def _annotations(made: Prepared) -> dict[str, str]:
    grace = made.pod["spec"].get("terminationGracePeriodSeconds")
    return {
        runtime.HASH: container_hash(made.spec),
        runtime.RESTART_COUNT: str(made.restart_count),
        runtime.TERMINATION_PATH: made.spec.get("terminationMessagePath") or "/dev/termination-log",
        runtime.TERMINATION_POLICY: made.spec.get("terminationMessagePolicy") or "File",
    } | ({runtime.POD_GRACE: str(grace)} if grace is not None else {})


def _resources(made: Prepared) -> Any:
    limits = container_limits({"resources": effective_resources(made.spec, made.pod["spec"].get("resources"))})
    return pb.LinuxContainerResources(
        cpu_shares=limits.cpu_shares,
        cpu_period=PERIOD,
        cpu_quota=limits.cpu_quota,
        memory_limit_in_bytes=limits.memory,
        oom_score_adj=oom_score(made.pod, made.spec, made.memory_capacity),
    )


def _security(made: Prepared, config: KubeletConfig) -> Any:
    merged = effective_security(made.pod, made.spec)
    _check_non_root(made, merged)
    capabilities = merged.get("capabilities") or {}
    unmasked = merged.get("procMount") == "Unmasked" or merged.get("privileged")
    user, group = merged.get("runAsUser"), merged.get("runAsGroup")
    if user is None and group is not None:
        user = made.image.uid.value if not made.image.username else None
    return pb.LinuxContainerSecurityContext(
        namespace_options=namespace_options(made.pod, made.target),
        privileged=bool(merged.get("privileged")),
        run_as_user=None if user is None else pb.Int64Value(value=user),
        run_as_username=made.image.username if user is None else "",
        run_as_group=None if group is None else pb.Int64Value(value=group),
        readonly_rootfs=bool(merged.get("readOnlyRootFilesystem")),
        no_new_privs=merged.get("allowPrivilegeEscalation") is False,
        supplemental_groups=supplemental_groups(made.pod),
        masked_paths=[] if unmasked else MASKED,
        readonly_paths=[] if unmasked else READ_ONLY,
        capabilities=pb.Capability(
            add_capabilities=capabilities.get("add") or (), drop_capabilities=capabilities.get("drop") or ()
        ),
        seccomp=_seccomp(merged, config),
        apparmor=_profile(merged["appArmorProfile"]) if merged.get("appArmorProfile") else None,
    )


def effective_security(pod: Object, spec: Object) -> Object:
    """The container's securityContext, with what it leaves open taken from the pod's."""
    whole: Object = pod["spec"].get("securityContext") or {}
    shared = ("runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "appArmorProfile", "seLinuxOptions")
    merged = {name: whole[name] for name in shared if whole.get(name) is not None}
    return merged | {name: v for name, v in (spec.get("securityContext") or {}).items() if v is not None}


def _check_non_root(made: Prepared, security: Object) -> None:
    if not security.get("runAsNonRoot"):
        return
    where = f'(pod: "{full_name(made.pod)}", container: {made.spec["name"]})'
    if security.get("runAsUser") is not None:
        if security["runAsUser"] == 0:
            raise ConfigError(f"container's runAsUser breaks non-root policy {where}")
    elif made.image.username:
        user = made.image.username
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({user}), "
            f"cannot verify user is non-root {where}"
        )
    elif made.image.uid.value == 0:
        raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")


def _seccomp(security: Object, config: KubeletConfig) -> Any:
    profile = security.get("seccompProfile") or {"type": "Unconfined"}
    if profile.get("type") == "Localhost":
        profile = profile | {"localhostProfile": _profile_file(profile.get("localhostProfile") or "", config)}
    return _profile(profile)


def _profile_file(local: str, config: KubeletConfig) -> str:
    """A file below the node's directory of profiles; what would name none must not run unconfined."""
    if not local:
        raise ConfigError("localhostProfile must be set if seccompProfile type is Localhost.")
    if local.startswith("/") or ".." in local.split("/"):
        raise ConfigError(f'seccomp profile "{local}" is not below the directory of profiles')
    return str(config.root_dir / "seccomp" / local)


def _profile(profile: Object) -> Any:
    return pb.SecurityProfile(
        profile_type=pb.SecurityProfile.ProfileType.Value(profile["type"]),
        localhost_ref=profile.get("localhostProfile") or "",
    )
