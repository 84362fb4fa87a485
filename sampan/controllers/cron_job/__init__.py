"""The CronJob controller. Makes Jobs when a schedule says so.

    schedule.py    when a schedule fires, in a time zone (pure)
    plan.py        which Jobs are made, stopped and forgotten now (pure)
    controller.py  reads, asks these, and writes

Rules: docs, CronJob; upstream's pkg/controller/cronjob.
"""

from sampan.controllers.cron_job.controller import CronJobController

CONTROLLER = CronJobController
