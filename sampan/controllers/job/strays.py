"""Takes the Job controller's finalizer off pods that no Job will count any more.

Such are pods whose Job is gone or was replaced by another of its name, and those that were let go: by a change of their
labels, or by a Job that was deleted without them. While the finalizer is there, they could not be deleted. Run by
controller.py; upstream's orphan queue (pkg/controller/job).
"""

from collections.abc import Iterable
from contextlib import suppress

from sampan.client.api import Client
from sampan.controllers.job.pods import TRACKING, is_tracked
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, controller_of, key_of
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller, owned_by

JOB_INDEX = "job"

_job_of = owned_by(JOB)


async def untrack(client: Client, pod: Object) -> None:
    """Take the finalizer off this state of a pod."""
    key, meta = key_of(pod), pod["metadata"]
    left = [name for name in meta.get("finalizers") or () if name != TRACKING]
    patch = {"metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"], "finalizers": left}}
    with suppress(NotFound):
        await client.patch(POD, key.name, patch, key.namespace)


class StrayPods(Controller):
    """Keys are pods with the finalizer."""

    name = "job-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.jobs = self.watch(JOB, self._pods_of, matters=_is_another)
        self.pods = self.watch(POD, lambda pod: (key_of(pod),) if is_tracked(pod) else ())
        self.pods.add_index(JOB_INDEX, lambda pod: map(str, _job_of(pod)))

    def _pods_of(self, job: Object) -> Iterable[Key]:
        return [key_of(pod) for pod in self.pods.by(JOB_INDEX, str(key_of(job))) if is_tracked(pod)]

    async def reconcile(self, key: Key) -> Action:
        pod = self.pods.get(key)
        if pod is not None and is_tracked(pod) and not self._is_tended(pod):
            await untrack(self.client, pod)
        return WAIT

    def _is_tended(self, pod: Object) -> bool:
        """Whether the pod has a controller that is there; one that is no Job is to know what it does."""
        owner, job = controller_of(pod), next(iter(_job_of(pod)), None)
        if owner is None or job is None:
            return owner is not None
        there = self.jobs.get(job)
        return there is not None and there["metadata"]["uid"] == owner.uid


def _is_another(old: Object, new: Object) -> bool:
    return bool(old["metadata"]["uid"] != new["metadata"]["uid"])
