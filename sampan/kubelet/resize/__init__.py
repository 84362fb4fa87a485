"""Resizing pods in place (KEP-1287, KEP-5419): more or less CPU and memory for containers that run.

    wanted (the spec) -> decision.py: is there room -> allocated (ledger.py keeps it) -> changes.py: what to change, in
    which order -> apply.py -> actuated (ledger.py keeps it, too) -> status

What the kubelet works with is the allocated pod, never the wanted one: it starts containers from it, counts it, and
tells it in the pod's status. reviews.py decides for all pods of the node, state.py is what one pod's conditions say.
"""
