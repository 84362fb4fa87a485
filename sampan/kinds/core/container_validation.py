"""What is wrong with the containers of a pod spec: names, images, ports, mounts, and what clashes between them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sampan.kinds.checks import Errors
from sampan.kinds.core.device_validation import validate_container_claims
from sampan.kinds.core.env_validation import validate_env
from sampan.kinds.core.mount_validation import validate_mounts
from sampan.kinds.core.probe_validation import validate_lifecycle, validate_probes
from sampan.kinds.core.resize_validation import validate_resize_policy
from sampan.kinds.core.resource_validation import validate_resources
from sampan.kinds.core.security_validation import validate_container_security
from sampan.machinery.meta import Object
from sampan.machinery.validation import (
    Path,
    check,
    duplicate,
    forbidden,
    invalid,
    not_found,
    not_supported,
    port_name,
)


class ContainerContext(NamedTuple):
    """What the containers' checks need to know of the rest of the spec."""

    volumes: frozenset[str]
    claims: frozenset[str]
    restarts: bool  # whether containers that end are started again
    grace_period: int
    host_network: bool
    is_pod: bool

    @classmethod
    def of(cls, spec: Object, *, is_pod: bool) -> "ContainerContext":
        """The context of a pod spec's containers."""
        volumes = frozenset(volume.get("name") or "" for volume in spec.get("volumes") or ())
        grace_period = spec.get("terminationGracePeriodSeconds", 30)
        claims = frozenset(claim.get("name") or "" for claim in spec.get("resourceClaims") or ())
        restarts = spec.get("restartPolicy") != "Never"
        return cls(volumes, claims, restarts, grace_period, bool(spec.get("hostNetwork")), is_pod)


def validate_containers(spec: Object, path: Path, context: ContainerContext) -> Errors:
    """Containers, init containers and ephemeral ones."""
    containers, init = spec.get("containers") or [], spec.get("initContainers") or []
    for index, container in enumerate(containers):
        yield from _container(container, path.child("containers").index(index), context)
        yield from _long_running(container, path.child("containers").index(index), context)
    yield from _unique_names(containers, (), path.child("containers"))
    yield from _host_port_conflicts(containers, path.child("containers"))
    for index, container in enumerate(init):
        yield from _init_container(container, path.child("initContainers").index(index), context)
    yield from _unique_names(init, _names(containers), path.child("initContainers"))
    yield from _ephemeral(spec, path.child("ephemeralContainers"), context)


def _container(container: Object, path: Path, context: ContainerContext) -> Errors:
    """What holds for every container: validateContainerCommon."""
    image = container.get("image") or ""
    if context.is_pod and image != image.strip():
        yield invalid(path.child("image"), image, "must not have leading or trailing whitespace")
    yield from _ports(container.get("ports") or [], path.child("ports"), context)
    yield from validate_env(container, path)
    yield from validate_mounts(container, path, context.volumes)
    resources = container.get("resources") or {}
    yield from validate_resources(resources, path.child("resources"))
    yield from validate_container_claims(
        resources.get("claims") or [], context.claims, path.child("resources", "claims")
    )
    yield from validate_resize_policy(container.get("resizePolicy") or [], path.child("resizePolicy"), context.restarts)
    yield from validate_container_security(container.get("securityContext") or {}, path.child("securityContext"))


def _long_running(container: Object, path: Path, context: ContainerContext) -> Errors:
    """Probes and hooks: of containers and sidecars only."""
    yield from validate_lifecycle(container.get("lifecycle"), path.child("lifecycle"), context.grace_period)
    yield from validate_probes(container, path, context.grace_period)


def _init_container(container: Object, path: Path, context: ContainerContext) -> Errors:
    yield from _container(container, path, context)
    policy = container.get("restartPolicy")
    if policy == "Always":
        yield from _long_running(container, path, context)
        return
    if policy is not None:
        yield not_supported(path.child("restartPolicy"), policy, ("Always",))
    for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(field) is not None:
            yield forbidden(path.child(field), "may not be set for init containers without restartPolicy=Always")
    for index, item in enumerate(container.get("resizePolicy") or ()):
        if item.get("restartPolicy") == "RestartContainer":
            at = path.child("resizePolicy").index(index).child("restartPolicy")
            detail = "must not be set to 'RestartContainer' for non-sidecar initContainers"
            yield invalid(at, item["restartPolicy"], detail)


def _ephemeral(spec: Object, path: Path, context: ContainerContext) -> Errors:
    containers, main = spec.get("ephemeralContainers") or [], _names(spec.get("containers") or ())
    forbidden_fields = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
    for index, container in enumerate(containers):
        at, target = path.index(index), container.get("targetContainerName")
        yield from _container({**container, "ports": [], "resources": {}}, at, context)
        for field in forbidden_fields:
            if container.get(field):
                yield forbidden(at.child(field), "cannot be set for an Ephemeral Container")
        if (container.get("resources") or {}) != {}:
            yield forbidden(at.child("resources"), "cannot be set for an Ephemeral Container")
        if target and target not in main:
            yield not_found(at.child("targetContainerName"), target)
    yield from _unique_names(containers, main | _names(spec.get("initContainers") or ()), path)


def _names(containers: Iterable[Object]) -> set[str]:
    return {container.get("name") or "" for container in containers}


def _unique_names(containers: Iterable[Object], taken: Iterable[str], path: Path) -> Errors:
    seen = set(taken)
    for index, container in enumerate(containers):
        name = container.get("name") or ""
        if name and name in seen:
            yield duplicate(path.index(index).child("name"), name)
        seen.add(name)


def _ports(ports: list[Object], path: Path, context: ContainerContext) -> Errors:
    names: set[str] = set()
    for index, item in enumerate(ports):
        yield from _port(item, path.index(index), names)
        host_port, number = item.get("hostPort") or 0, item.get("containerPort") or 0
        if context.host_network and host_port != number and (host_port or context.is_pod):
            detail = "must match `hostPort` when `hostNetwork` is true"
            yield invalid(path.index(index).child("containerPort"), number, detail)


def _port(item: Object, path: Path, names: set[str]) -> Errors:
    if name := item.get("name"):
        wrong = port_name(name)
        yield from check(path.child("name"), name, wrong)
        if not wrong and name in names:
            yield duplicate(path.child("name"), name)
        names.add(name)


def _host_port_conflicts(containers: Iterable[Object], path: Path) -> Errors:
    """One host port per protocol and address in a pod."""
    seen = set()
    for at, item in _host_ports(containers, path):
        key = f"{item.get('protocol', '')}/{item.get('hostIP', '')}/{item['hostPort']}"
        if key in seen:
            yield duplicate(at.child("hostPort"), key)
        seen.add(key)


def _host_ports(containers: Iterable[Object], path: Path) -> Iterator[tuple[Path, Object]]:
    for index, container in enumerate(containers):
        for position, item in enumerate(container.get("ports") or ()):
            if item.get("hostPort"):
                yield path.index(index).child("ports").index(position), item
