"""Gives each node that has none a range of addresses for its pods: spec.podCIDRs, out of the cluster's range.

A node may bring its own, as the kubelet of this machine and simulated nodes do; it is respected. Without a range of the
cluster nothing is given. Rules: kube-controller-manager's --allocate-node-cidrs, --cluster-cidr and
--node-cidr-mask-size; upstream's pkg/controller/nodeipam, allocator type RangeAllocator.
"""

from sampan.controllers.node_ipam.controller import NodeIPAM

CONTROLLER = NodeIPAM
