"""Deletes Jobs some time after they have ended. Rule: docs, Automatic Cleanup for Finished Jobs."""

from contextlib import suppress
from datetime import datetime

from sampan.controllers.job.plan import COMPLETE, ENDED_BADLY
from sampan.kinds.batch.job import KIND as JOB
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, is_deleting, later, parse_time
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller


def expires_in(job: Object, now: datetime) -> float | None:
    """Seconds until the Job is to be deleted, at most 0 for at once; None for never (or not yet known)."""
    limit = job["spec"].get("ttlSecondsAfterFinished")
    ends = [
        parse_time(one["lastTransitionTime"])
        for one in (job.get("status") or {}).get("conditions") or ()
        if one["type"] in (COMPLETE, ENDED_BADLY) and one["status"] == "True"
    ]
    if limit is None or not ends:
        return None
    return (later(ends[0], limit) - now).total_seconds()


class TTLAfterFinishedController(Controller):
    """Waits out the time to live of each Job."""

    name = "ttl-after-finished-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.jobs = self.watch(JOB)

    async def reconcile(self, key: Key) -> Action:
        job = self.jobs.get(key)
        left = expires_in(job, self.clock.now()) if job and not is_deleting(job) else None
        if job is None or left is None:
            return WAIT
        if left > 0:
            return after(left)
        with suppress(NotFound):
            uid = job["metadata"]["uid"]
            await self.client.delete(JOB, key.name, key.namespace, propagation="Foreground", uid=uid)
        return WAIT


CONTROLLER = TTLAfterFinishedController
