"""NodeMetrics: what a node uses at the moment. Measured, never stored.

The answering half is apiserver/subresources/usage.py. Columns: kubernetes-sigs/metrics-server, pkg/api.
"""

from sampan.kinds.metrics.figures import DEFINITIONS, GROUP, VERSION, columns, define
from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="NodeMetrics",
    plural="nodes",
    versions=(ServedVersion(GROUP, VERSION, DEFINITIONS + "NodeMetrics"),),
    namespaced=False,
    verbs=("get", "list"),
    columns=columns(lambda metrics: [metrics.get("usage") or {}]),
    definitions=define,
    has_status=False,
    has_generation=False,
)
