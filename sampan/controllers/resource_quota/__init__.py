"""The ResourceQuota controller. Counts what a namespace uses.

    plan.py        what counts, and how much (pure)
    controller.py  reads, asks it, and writes

Rules: docs, Resource Quotas; upstream's pkg/controller/resourcequota.
"""

from sampan.controllers.resource_quota.controller import ResourceQuotaController

CONTROLLER = ResourceQuotaController
