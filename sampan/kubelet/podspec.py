"""Reading a Pod: which containers it has, under which policies. Pure; used all over the kubelet."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import orjson

from sampan.machinery.meta import Object
from sampan.machinery.quantity import parse

RestartPolicy = Literal["Always", "OnFailure", "Never"]
DEFAULT_GRACE = 30


def containers(pod: Object) -> list[Object]:
    """The ordinary containers."""
    return list(pod["spec"].get("containers") or ())


def init_containers(pod: Object) -> list[Object]:
    """The init containers in their order, sidecars among them."""
    return list(pod["spec"].get("initContainers") or ())


def ephemeral_containers(pod: Object) -> list[Object]:
    """The containers that `kubectl debug` added."""
    return list(pod["spec"].get("ephemeralContainers") or ())


def all_containers(pod: Object) -> Iterator[Object]:
    """Every container, init containers first."""
    yield from init_containers(pod)
    yield from containers(pod)
    yield from ephemeral_containers(pod)


def is_sidecar(container: Object) -> bool:
    """A restartable init container (KEP-753): only meaningful for init containers."""
    return container.get("restartPolicy") == "Always"


def restart_policy(pod: Object, container: Object) -> RestartPolicy:
    """A container's own policy (KEP-753, KEP-5307), or else the pod's; an init container of Always fails OnFailure."""
    policy: RestartPolicy = container.get("restartPolicy") or pod["spec"].get("restartPolicy") or "Always"
    return policy


def uid_of(pod: Object) -> str:
    """metadata.uid."""
    return str(pod["metadata"]["uid"])


def full_name(pod: Object) -> str:
    """`name_namespace(uid)`, as in the kubelet's messages."""
    meta = pod["metadata"]
    return f"{meta['name']}_{meta['namespace']}({meta['uid']})"


def phase_of(pod: Object) -> str:
    """status.phase as the API has it; Pending before anyone said."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_finished(pod: Object) -> bool:
    """Whether the pod has come to its end for good."""
    return phase_of(pod) in ("Succeeded", "Failed")


def uses_host_network(pod: Object) -> bool:
    """spec.hostNetwork."""
    return bool(pod["spec"].get("hostNetwork"))


def grace_period(pod: Object) -> int:
    """Seconds between TERM and KILL: of the deletion where there is one, else of the spec."""
    asked = pod["metadata"].get("deletionGracePeriodSeconds")
    if asked is None:
        asked = pod["spec"].get("terminationGracePeriodSeconds")
    return DEFAULT_GRACE if asked is None else int(asked)


def container_hash(container: Object) -> str:
    """Changes when a running container has to be made anew: with its name or image, the only mutable of them."""
    identity = orjson.dumps([container["name"], container["image"]])
    return hashlib.sha256(identity).hexdigest()[:8]


def field_path(pod: Object, name: str) -> str:
    """`spec.containers{name}`: how events name a container."""
    for field in ("containers", "initContainers", "ephemeralContainers"):
        if any(container["name"] == name for container in pod["spec"].get(field) or ()):
            return f"spec.{field}{{{name}}}"
    return ""


def host_name(pod: Object) -> str:
    """spec.hostname or the name, cut to what a hostname may be."""
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return name[:63].rstrip("-.")


def qos_class(pod: Object) -> str:
    """Guaranteed, Burstable or BestEffort (docs: "Pod Quality of Service Classes").

    The API server sets status.qosClass; this is for pods that lack it, and decides cgroups and OOM scores.
    """
    known = (pod.get("status") or {}).get("qosClass")
    return str(known) if known else _qos_of([*containers(pod), *init_containers(pod)])


def _qos_of(members: list[Object]) -> str:
    resources = [container.get("resources") or {} for container in members]
    asked = [_positive(r.get(field) or {}) for r in resources for field in ("requests", "limits")]
    if not any(asked):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(r) for r in resources) else "Burstable"


def _positive(amounts: Mapping[str, Any]) -> dict[str, int]:
    found = {name: parse(str(amounts[name])).nano for name in ("cpu", "memory") if name in amounts}
    return {name: nano for name, nano in found.items() if nano > 0}


def _is_guaranteed(resources: Object) -> bool:
    limits = _positive(resources.get("limits") or {})
    requests = _positive(resources.get("requests") or resources.get("limits") or {})
    return len(limits) == 2 and requests == limits
