"""The CronJob controller: writes what plan.py plans, and looks again when the schedule says so."""

from contextlib import suppress

from sampan.controllers.cron_job.plan import Plan, plan, with_active
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN, OwnWrites
from sampan.controllers.ownership import CONTROLLER_INDEX, index_by_controller
from sampan.kinds.batch.cron_job import KIND as CRON_JOB
from sampan.kinds.batch.job import KIND as JOB
from sampan.machinery.errors import AlreadyExists, APIError, NotFound
from sampan.machinery.meta import Key, Object, controller_of, key_of
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action, TerminalError
from sampan.reconcile.controller import Context, Controller, owned_by
from sampan.reconcile.events import NORMAL, WARNING


class CronJobController(Controller):
    """Makes Jobs by the clock."""

    name = "cronjob-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.cron_jobs = self.watch(CRON_JOB)
        self.jobs = self.watch(JOB, owned_by(CRON_JOB))
        index_by_controller(self.jobs)
        self.writes = OwnWrites(self.jobs)  # a new Job that is not seen yet would be taken for a missing one

    async def reconcile(self, key: Key) -> Action:
        cron_job = self.cron_jobs.get(key)
        if cron_job is None:
            self.writes.forget(key)
            return WAIT
        if not self.writes.seen(key):
            return OWN_WRITES_UNSEEN
        jobs = self.jobs.by(CONTROLLER_INDEX, cron_job["metadata"]["uid"])
        try:
            decided = plan(cron_job, jobs, self.clock.now())
        except ValueError as error:
            message = f'unparseable schedule: "{cron_job["spec"]["schedule"]}" : {error}'
            self.recorder.event(cron_job, WARNING, "UnparseableSchedule", message)
            raise TerminalError(message) from error
        await self._apply(cron_job, decided)
        return decided.then

    async def _apply(self, cron_job: Object, decided: Plan) -> None:
        for job in decided.delete:
            await self._delete(job)
        for told in decided.events:
            self.recorder.event(cron_job, *told)
        status = decided.status
        if decided.create is not None:
            made = await self._create(cron_job, decided.create)
            if made:
                self.writes.created(key_of(cron_job), made)
                status = with_active(status, made)
        if not semantic_equal(status, cron_job.get("status")):
            await self.client.update(CRON_JOB, {**cron_job, "status": status}, subresource="status")

    async def _create(self, cron_job: Object, job: Object) -> Object | None:
        """The Job; the one that is there already if it is ours (a status write was lost), None if it is not."""
        try:
            made = await self.client.create(JOB, job)
        except AlreadyExists:
            there = await self.client.get(JOB, job["metadata"]["name"], job["metadata"]["namespace"])
            owner = controller_of(there)
            return there if owner is not None and owner.uid == cron_job["metadata"]["uid"] else None
        except APIError as error:
            self.recorder.event(cron_job, WARNING, "FailedCreate", f"Error creating job: {error}")
            raise
        self.recorder.event(cron_job, NORMAL, "SuccessfulCreate", f"Created job {made['metadata']['name']}")
        return made

    async def _delete(self, job: Object) -> None:
        meta = job["metadata"]
        with suppress(NotFound):
            await self.client.delete(JOB, meta["name"], meta["namespace"], propagation="Background", uid=meta["uid"])
