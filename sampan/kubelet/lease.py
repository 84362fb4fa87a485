"""A node's Lease, by which it shows that it is alive. Pure; node_status.py and simulated/heartbeats.py write it.

Docs: "Leases", Node heartbeats. Upstream renews it every 10 s and lets it be good for 40.
"""

from datetime import datetime

from sampan.kinds.coordination.lease import KIND as LEASE
from sampan.machinery.meta import Object, format_micro_time

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40


def renewal(node_name: str, now: datetime) -> Object:
    """The spec of a Lease that has just been renewed."""
    return {
        "holderIdentity": node_name,
        "leaseDurationSeconds": LEASE_SECONDS,
        "renewTime": format_micro_time(now),
    }


def new_lease(node: Object, now: datetime) -> Object:
    """The Lease of a Node that has none yet; it goes with its Node."""
    name = node["metadata"]["name"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.name,
        "metadata": {"name": name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
        "spec": renewal(name, now),
    }
