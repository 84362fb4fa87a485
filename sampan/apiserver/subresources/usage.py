"""metrics.k8s.io: what nodes and pods use at the moment, as far as it is measured.

Who measures tells the server (`Services.usage`, filled by whoever runs metrics/ beside it); without it nothing is
known. An APIService of this group's version leaves all of it to another server, as to any version. Rules:
kubernetes-sigs/metrics-server, pkg/api: running pods only, with their labels.
"""

from collections.abc import Callable, Iterable

from sampan.apiserver.call import Call, Computed, Tree
from sampan.apiserver.options import list_options
from sampan.apiserver.services import Services
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.metrics.figures import GROUP, VERSION
from sampan.machinery import field_selectors, selectors
from sampan.machinery.errors import NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, format_time, key_of, labels_of

Matches = Callable[[Object], bool]


def get_pod(services: Services, call: Call) -> Tree:
    """What one pod uses; raises NotFound where there is none, or it is not known."""
    return _one(services, call, POD, f"{call.info.namespace}/{call.info.name}")


def get_node(services: Services, call: Call) -> Tree:
    """What one node uses."""
    return _one(services, call, NODE, call.info.name)


def list_pods(services: Services, call: Call) -> Computed:
    """What the pods use that the selectors match."""
    return _list(services, call, POD)


def list_nodes(services: Services, call: Call) -> Computed:
    """What nodes use."""
    return _list(services, call, NODE)


def _one(services: Services, call: Call, kind: Kind, shown: str) -> Tree:
    found = services.find(kind, call.info.namespace, call.info.name)
    for metrics in _metrics(services, call, kind, [found] if found else []):
        return Tree(metrics, stored=True)
    raise NotFound.of(call.served.kind.name.lower(), GROUP, shown)


def _list(services: Services, call: Call, kind: Kind) -> Computed:
    options = list_options(call.query)
    labels = selectors.parse(options.label_selector)
    matches = field_selectors.parse(options.field_selector).bind(kind)
    there = (obj for obj in services.all(kind, call.info.namespace) if labels.matches(labels_of(obj)) and matches(obj))
    return Computed(list(_metrics(services, call, kind, there)))


def _metrics(services: Services, call: Call, kind: Kind, there: Iterable[Object]) -> Iterable[Object]:
    """Of those that are measured."""
    for obj in there:
        if services.usage is None or (kind is POD and (obj.get("status") or {}).get("phase") != "Running"):
            continue
        key = key_of(obj)
        found = services.usage.of_node(key.name) if kind is NODE else services.usage.of_pod(key)
        if found is None:
            continue
        meta = {name: obj["metadata"][name] for name in ("name", "namespace", "labels") if name in obj["metadata"]}
        meta["creationTimestamp"] = format_time(call.now)
        yield {"kind": call.served.kind.name, "apiVersion": f"{GROUP}/{VERSION}", "metadata": meta, **found}
