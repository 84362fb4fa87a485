"""A pod as the scheduler sees it: read once from the object, in integers and tuples.

Made when the pod arrives from the informer; shared by queue, state and plugins. Only `object` is ever replaced, by a
form that differs in its status.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import orjson

from sampan.kinds.core.host_ports import host_ports
from sampan.kinds.core.pod_requests import CPU, MEMORY, Amounts, requested_by
from sampan.machinery.meta import Key, Object, is_deleting, key_of, labels_of

_FINISHED = ("Succeeded", "Failed")


_LABEL_KEYS = b"atchLabelKeys"  # terms with these mean pods with labels like one's own

LabelSet = frozenset[tuple[str, str]]


class ClaimUse(NamedTuple):
    """A PersistentVolumeClaim that a pod uses, by name in its namespace; an ephemeral one is to be the pod's own."""

    name: str
    ephemeral: bool = False


class PodInfo:
    """See the module."""

    __slots__ = (
        "claims",
        "has_anti_affinity",
        "key",
        "label_set",
        "labels",
        "node_name",
        "object",
        "ports",
        "priority",
        "requests",
        "score_cpu",
        "score_memory",
        "signature",
        "spec",
        "terminating",
        "terms",
        "uid",
        "wishes",
    )

    def __init__(self, pod: Object) -> None:
        spec: Mapping[str, Any] = pod["spec"]
        self.object = pod
        self.spec = spec
        self.key: Key = key_of(pod)
        self.uid: str = pod["metadata"].get("uid", "")
        self.labels = labels_of(pod)
        self.label_set: LabelSet = frozenset(self.labels.items())
        self.node_name: str = spec.get("nodeName") or ""
        self.priority: int = spec.get("priority") or 0
        self.terminating = is_deleting(pod)
        self.requests: Amounts = requested_by(pod)
        assumed = requested_by(pod, assume_defaults=True)
        self.score_cpu = assumed.get(CPU, 0)  # what scoring counts, see pod_requests.DEFAULT_CPU
        self.score_memory = assumed.get(MEMORY, 0)
        self.ports = tuple(host_ports(spec))
        affinity = spec.get("affinity") or {}
        anti = affinity.get("podAntiAffinity") or {}
        self.wishes = self._wishes(affinity.get("podAffinity"), anti)
        self.has_anti_affinity = bool(anti.get("requiredDuringSchedulingIgnoredDuringExecution"))
        self.claims = tuple(_claims(self.key.name, spec))
        self.signature = _signature(spec)
        self.terms = _terms(self.wishes)

    def __repr__(self) -> str:
        return f"PodInfo({self.key})"

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return self.key.namespace

    def _wishes(self, near: Any, apart: Any) -> bytes:
        """What the pod wants of the places of other pods; equal for pods that want the same, empty where nothing."""
        if not near and not apart:
            return b""
        said = orjson.dumps((self.key.namespace, near, apart))
        return said + orjson.dumps(sorted(self.label_set)) if _LABEL_KEYS in said else said

    @property
    def is_preempted(self) -> bool:
        """Whether it is going because a scheduler has made it go."""
        if not self.terminating:
            return False
        conditions = (self.object.get("status") or {}).get("conditions") or ()
        found: Object = next((c for c in conditions if c.get("type") == "DisruptionTarget"), {})
        return found.get("status") == "True" and found.get("reason") == "PreemptionByScheduler"

    @property
    def best_effort(self) -> bool:
        """Whether it asks for neither CPU nor memory."""
        return not self.requests.get(CPU) and not self.requests.get(MEMORY)

    def uses_claim(self, name: str) -> bool:
        """Whether a volume of the pod's is the claim of this name."""
        return any(claim.name == name for claim in self.claims)


class Terms(dict[tuple[str, str], Any]):
    """Compiled affinity terms, of all pods that wish the same: pod_affinity.py fills it in."""

    __slots__ = ("__weakref__",)


_in_use: WeakValueDictionary[bytes, Terms] = WeakValueDictionary()


def _terms(wishes: bytes) -> Terms:
    found = _in_use.get(wishes)
    if found is None:
        found = _in_use[wishes] = Terms()
    return found


def is_finished(pod: Object) -> bool:
    """Whether the pod has ended and needs nothing of its node any more."""
    return (pod.get("status") or {}).get("phase") in _FINISHED


def images_of(spec: Mapping[str, Any]) -> list[str]:
    """The images of all containers, with repetitions."""
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    return [container.get("image") or "" for container in containers]


def _claims(name: str, spec: Mapping[str, Any]) -> Iterator[ClaimUse]:
    for volume in spec.get("volumes") or ():
        if claim := volume.get("persistentVolumeClaim"):
            yield ClaimUse(claim.get("claimName") or "")
        elif "ephemeral" in volume:
            yield ClaimUse(f"{name}-{volume['name']}", ephemeral=True)


def _signature(spec: Mapping[str, Any]) -> bytes:
    """Equal for pods whose every judgement of a single node is equal (see memo.py)."""
    return orjson.dumps(
        (
            [_container_signature(container) for container in spec["containers"]],
            [_container_signature(container) for container in spec.get("initContainers") or ()],
            spec.get("nodeSelector"),
            (spec.get("affinity") or {}).get("nodeAffinity"),
            spec.get("tolerations"),
            spec.get("overhead"),
            spec.get("resources"),
        )
    )


def _container_signature(container: Mapping[str, Any]) -> tuple[Any, ...]:
    return container.get("image"), container.get("resources"), container.get("ports"), container.get("restartPolicy")
