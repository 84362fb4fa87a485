"""PodMetrics: what the containers of a pod use at the moment. Measured, never stored.

The answering half is apiserver/subresources/usage.py. Columns: kubernetes-sigs/metrics-server, pkg/api.
"""

from collections.abc import Iterator

from sampan.kinds.metrics.figures import DEFINITIONS, GROUP, VERSION, columns, define
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object


def _usages(metrics: Object) -> Iterator[Object]:
    for container in metrics.get("containers") or ():
        yield container.get("usage") or {}


KIND = Kind(
    name="PodMetrics",
    plural="pods",
    versions=(ServedVersion(GROUP, VERSION, DEFINITIONS + "PodMetrics"),),
    verbs=("get", "list"),
    columns=columns(_usages),
    definitions=define,
    has_status=False,
    has_generation=False,
)
