"""The StatefulSet controller: pods with names and volumes of their own, one after the other.

    plan.py        which pods are created, deleted and mended now (pure)
    update.py      which pods make room for those of a new template (pure)
    pods.py        ordinals, and what a pod of a set looks like (pure)
    claims.py      the claims of a pod, and who owns them (pure)
    status.py      what is reported (pure)
    controller.py  reads, asks these, and writes

Rules: docs, StatefulSets; upstream's pkg/controller/statefulset; KEP-961 (maxUnavailable), KEP-1847 (retention of
claims), KEP-3335 (start ordinal).
"""

from sampan.controllers.stateful_set.controller import StatefulSetController

CONTROLLER = StatefulSetController
