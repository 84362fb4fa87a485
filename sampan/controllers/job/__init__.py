"""The Job controller. Keeps the pods of Jobs, and says when a Job is over.

    plan.py        what is created and deleted next (pure)
    count.py       how its pods have ended (pure)
    indexes.py     what is done for each index of an indexed Job (pure)
    ending.py      whether it is over, and why (pure)
    pods.py        what a pod of a Job looks like, and how one has ended (pure)
    strays.py      pods that no Job will count any more
    controller.py  reads, asks these, and writes

Rules: docs, Jobs; upstream's pkg/controller/job.
"""

from sampan.controllers.job.controller import JobController

CONTROLLER = JobController
