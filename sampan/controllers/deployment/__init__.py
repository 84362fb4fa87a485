"""The Deployment controller. Replaces the pods of one template by those of another.

    plan.py        what is done to the ReplicaSets next (pure)
    rollout.py     how large each of them is to be (pure)
    revision.py    which of them has which template (pure)
    rollback.py    going back to an earlier one (pure)
    status.py      what is reported (pure)
    controller.py  reads, asks these, and writes

Rules: docs, Deployments; upstream's pkg/controller/deployment.
"""

from sampan.controllers.deployment.controller import DeploymentController

CONTROLLER = DeploymentController
