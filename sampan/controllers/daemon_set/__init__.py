"""The DaemonSet controller. Keeps a pod on every node that a DaemonSet selects.

    plan.py        which nodes get a pod and which pods go (pure)
    pods.py        where a pod belongs, and what it looks like (pure)
    backoff.py     how long a node whose pods fail is left alone
    controller.py  reads, asks these, and writes

Rules: docs, DaemonSet; upstream's pkg/controller/daemon.
"""

from sampan.controllers.daemon_set.controller import DaemonSetController

CONTROLLER = DaemonSetController
