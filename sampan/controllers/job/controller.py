"""The Job controller: writes what plan.py plans.

How pods ended is read in pods.py, counted in count.py, and judged in ending.py. Jobs with another
spec.managedBy are left to whoever that is.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sampan.controllers.job import pods as job_pods
from sampan.controllers.job.indexes import Failures, is_limited
from sampan.controllers.job.plan import Plan, plan
from sampan.controllers.job.strays import StrayPods, untrack
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN
from sampan.controllers.ownership import Children
from sampan.controllers.pod_control import PodControl, at_once, pod_from_template, slow_start
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Key, Object, is_deleting
from sampan.machinery.selectors import Selector, from_label_selector
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller

OURS = "kubernetes.io/job-controller"
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"


def selector_of(job: Object) -> Selector:
    """Which pods it counts."""
    return from_label_selector(job["spec"].get("selector"))


def pod_for(job: Object, index: int | None, failures: Failures = Failures()) -> Object:  # noqa: B008 - a constant
    """A pod of the Job; `failures` of the same index before it, where there is a limit per index."""
    pod = pod_from_template(job["spec"]["template"], job, job["metadata"]["namespace"])
    meta = pod["metadata"]
    meta["finalizers"] = [*(meta.get("finalizers") or ()), job_pods.TRACKING]
    if index is None:
        return pod
    notes = {**(meta.get("annotations") or {}), job_pods.INDEX: str(index)}
    notes |= failures.annotations() if is_limited(job) else {}
    labels = {**(meta.get("labels") or {}), job_pods.INDEX: str(index)}
    name = f"{job['metadata']['name']}-{index}"
    meta = {**meta, "annotations": notes, "labels": labels, "generateName": f"{name}-"}
    return {**pod, "metadata": meta, "spec": _numbered(pod["spec"], name)}


def _numbered(spec: Object, hostname: str) -> Object:
    """The pod spec with a hostname of its own, and the index in every container's environment."""
    source = {"fieldRef": {"fieldPath": f"metadata.annotations['{job_pods.INDEX}']"}}
    variable = {"name": INDEX_VARIABLE, "valueFrom": source}

    def with_variable(container: Object) -> Object:
        env = container.get("env") or []
        known = any(one["name"] == INDEX_VARIABLE for one in env)
        return container if known else {**container, "env": [*env, variable]}

    changed: dict[str, Any] = {
        name: [with_variable(one) for one in spec[name]] for name in ("containers", "initContainers") if spec.get(name)
    }
    return {**spec, "hostname": spec.get("hostname") or hostname, **changed}


class JobController(Controller):
    """Runs Jobs to their end."""

    name = "job-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.jobs = self.watch(JOB)
        self.pods = Children(self, self.jobs, POD, selector_of, [job_pods.TRACKING])
        self.control = PodControl(self.client, self.recorder)
        self.strays = StrayPods(context)

    async def background(self) -> None:
        await self.strays.run()

    async def reconcile(self, key: Key) -> Action:
        job = self.jobs.get(key)
        if job is None:
            self.pods.writes.forget(key)
            return WAIT
        if job["spec"].get("managedBy", OURS) != OURS:
            return WAIT
        if not self.pods.writes.seen(key):
            return OWN_WRITES_UNSEEN
        pods = await self.pods.of(job)
        decided = plan(job, pods, self.clock.now())
        await self._apply(key, job, decided)
        return decided.then

    async def _apply(self, key: Key, job: Object, decided: Plan) -> None:
        """The order matters: the status first, then what it accounts for."""
        if not semantic_equal(decided.status, job.get("status")):
            await self.client.update(JOB, {**job, "status": decided.status}, subresource="status")
        for told in decided.events:
            self.recorder.event(job, *told)
        await self._release(decided.release)
        if is_deleting(job):
            return
        await at_once(self._delete(key, job, pod) for pod in decided.delete)
        waiting = iter(decided.create)
        await slow_start(len(decided.create), lambda: self._create(key, job, next(waiting), decided.failures))

    async def _release(self, pods: Iterable[Object]) -> None:
        """Take the finalizer off: their end is in the books."""
        await at_once(untrack(self.client, pod) for pod in pods)

    async def _delete(self, key: Key, job: Object, pod: Object) -> None:
        await self.control.delete(pod, job)
        self.pods.writes.deleted(key, pod)

    async def _create(self, key: Key, job: Object, index: int | None, failures: Mapping[int, Failures]) -> None:
        before = failures.get(-1 if index is None else index, Failures())
        self.pods.writes.created(key, await self.control.create(pod_for(job, index, before), job))
