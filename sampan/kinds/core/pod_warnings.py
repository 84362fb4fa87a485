"""What the API server tells a client about a pod or template that is valid but unwise: GetWarningsForPod.

Called by kinds/core/pod.py and, for templates and what else names node labels, by other kinds.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from sampan.machinery import quantity
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import ROOT, Path, dns_label

Warnings = Iterator[str]

_NODE_LABELS = {
    "beta.kubernetes.io/arch": ("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/os": ("v1.14", "kubernetes.io/os"),
    "failure-domain.beta.kubernetes.io/region": ("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": ("v1.17", "topology.kubernetes.io/zone"),
    "beta.kubernetes.io/instance-type": ("v1.17", "node.kubernetes.io/instance-type"),
}
_VOLUMES = {
    "gitRepo": "deprecated in v1.11",
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_MOST = 200  # warnings: upstream sends no more than 4 kB of them
_MOST_LIKE_IT = 20  # earlier ports of the same number that a port is compared with
_AFFINITY = ("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")


def pod_warnings(pod: Object) -> Warnings:
    """For a new pod. Updates give none, because people don't make them by hand."""
    if pod["metadata"].get("resourceVersion"):
        return
    yield from name_warnings(pod, "the Pod's hostname")
    yield from template_warnings(pod, ROOT)


def name_warnings(obj: Object, used_in: str) -> Warnings:
    """Names that are good for an object but make bad host names."""
    if wrong := dns_label(obj["metadata"].get("name") or ""):
        yield (
            f"metadata.name: this is used in {used_in}, which can result in surprising behavior; "
            f"a DNS label is recommended: [{' '.join(wrong)}]"
        )


def template_warnings(template: Object, path: Path) -> Warnings:
    """For anything with metadata and a pod spec."""
    return islice(_template_warnings(template, path), _MOST)


def _template_warnings(template: Object, path: Path) -> Warnings:
    spec, at = template.get("spec") or {}, path.child("spec")
    yield from _placement(spec, at)
    for key, text in _ANNOTATIONS.items():
        if key in get_path(template, ("metadata", "annotations"), {}):
            yield f"{path.child('metadata', 'annotations').key(key)}: {text}"
    for index, volume in enumerate(spec.get("volumes") or ()):
        for source in volume.keys() & _VOLUMES.keys():
            yield f"{at.child('volumes').index(index).child(source)}: {_VOLUMES[source]}"
    yield from _repeated(spec.get("hostAliases") or (), "ip", at.child("hostAliases"))
    yield from _repeated(spec.get("imagePullSecrets") or (), "name", at.child("imagePullSecrets"))
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if not secret.get("name"):
            yield f'{at.child("imagePullSecrets").index(index).child("name")}: invalid empty name ""'
    yield from _containers(spec, at)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        text = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{at.child('terminationGracePeriodSeconds')}: {text}"


def _placement(spec: Object, path: Path) -> Warnings:
    for key in spec.get("nodeSelector") or ():
        yield from node_label_warning(key, f"{path.child('nodeSelector').key(key)}: ")
    terms = get_path(spec, ("affinity", "nodeAffinity", *_AFFINITY), [])
    for index, term in enumerate(terms):
        at = path.child("affinity", "nodeAffinity", *_AFFINITY).index(index)
        for position, item in enumerate(term.get("matchExpressions") or ()):
            key, where = item.get("key", ""), at.child("matchExpressions").index(position).child("key")
            yield from node_label_warning(key, f"{where}: {key} is ")
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        at, key = path.child("topologySpreadConstraints").index(index), constraint.get("topologyKey", "")
        yield from node_label_warning(key, f"{at.child('topologyKey')}: {key} is ")
        if constraint.get("labelSelector") is None:
            yield f"{at.child('labelSelector')}: a null labelSelector results in matching no pod"


def node_label_warning(key: str, prefix: str) -> Warnings:
    """For a label of nodes that has a newer name."""
    if key in _NODE_LABELS:
        since, instead = _NODE_LABELS[key]
        yield f'{prefix}deprecated since {since}; use "{instead}" instead'


def _repeated(items: Iterable[Object], field: str, path: Path) -> Warnings:
    seen = set()
    for index, item in enumerate(items):
        value = item.get(field) or ""
        if value in seen:
            yield f'{path.index(index).child(field)}: duplicate {field} "{value}"'
        seen.add(value)


def _containers(spec: Object, path: Path) -> Warnings:
    ports: dict[tuple[object, object], list[tuple[Path, Object]]] = {}
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            at = path.child(field).index(index)
            yield from _fractions(container.get("resources") or {}, at.child("resources"))
            yield from _hidden_variables(container.get("env") or (), at.child("env"))
            for position, port in enumerate(container.get("ports") or ()):
                same = ports.setdefault((port.get("containerPort"), port.get("protocol")), [])
                yield from _overlaps(port, at.child("ports").index(position), same[:_MOST_LIKE_IT])
                same.append((at.child("ports").index(position), port))


def _fractions(resources: Object, path: Path) -> Warnings:
    for field in ("limits", "requests"):
        for name in ("memory", "ephemeral-storage"):
            amount = (resources.get(field) or {}).get(name, "0")
            if quantity.milli(amount) % 1000:
                where = path.child(field).key(name)
                yield f'{where}: fractional byte value "{amount}" is invalid, must be an integer'


def _hidden_variables(variables: Iterable[Object], path: Path) -> Warnings:
    seen = set()
    for index, variable in enumerate(variables):
        name, value = variable.get("name", ""), variable.get("value") or ""
        builds_on_it = f"$({name})" in value and value != f"$({name})"
        if name in seen and (variable.get("valueFrom") is not None or not builds_on_it):
            yield f'{path.index(index)}: hides previous definition of "{name}", which may be dropped when using apply'
        seen.add(name)


def _overlaps(port: Object, path: Path, others: Iterable[tuple[Path, Object]]) -> Warnings:
    """`others` are earlier ports of the same number and protocol."""
    for where, other in others:
        mine, its = port.get("hostPort") or 0, other.get("hostPort") or 0
        if (mine, port.get("hostIP") or "") == (its, other.get("hostIP") or ""):
            yield f"{path}: duplicate port definition with {where}"
        elif not mine or not its:
            yield f"{path}: overlapping port definition with {where}"
