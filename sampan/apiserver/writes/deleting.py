"""How an object is deleted: preconditions, admission, then at once or begun and left to grace period and finalizers.

deletion.py decides; here are both phases of admission and compare-and-swap. Called by the verbs delete and
deletecollection, and by eviction (whose admission is its own). Rules: k8s.io/apiserver/pkg/registry/generic/registry
(Store.Delete).
"""

from typing import NamedTuple

from sampan.apiserver import deletion
from sampan.apiserver.admission.attributes import DELETE, Admission
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.extensions.views import prepare, working
from sampan.apiserver.options import DeleteOptions
from sampan.apiserver.services import Services
from sampan.apiserver.writes.preconditions import check_deletion
from sampan.apiserver.writes.storing import MAX_CONFLICTS, conflict, is_finished, missing, remove, replace
from sampan.machinery.meta import Object
from sampan.storage.cached import Cached
from sampan.storage.protocol import RevisionMismatch


class Deleted(NamedTuple):
    """What a deletion came to: the object as it is afterwards or, gone, was at last."""

    result: One | Tree
    gone: bool

    @property
    def object(self) -> Object:
        """The object, as it lies in storage."""
        return self.result.tree if isinstance(self.result, Tree) else self.result.entry.object


async def delete(
    services: Services, call: Call, key: str, options: DeleteOptions, *, admitted: bool = False
) -> Deleted:
    """Delete under the options. Raises NotFound, Conflict, Forbidden. `admitted`: the plugins had their say before."""
    kind = call.served.kind
    for _ in range(MAX_CONFLICTS):
        entry = services.cache.get(key)
        if entry is None:
            raise missing(services, kind, key)
        if waiting := prepare(services, call.served, (entry,)):
            await waiting
        old = working(call.served, entry)
        check_deletion(kind, old, options)
        if not admitted:
            await _admit(services, call, old, options)
        try:
            return await _attempt(services, call, entry, options)
        except RevisionMismatch:
            continue
    raise conflict(kind, key)


async def _admit(services: Services, call: Call, old: Object, options: DeleteOptions) -> None:
    admission = Admission(call=call, operation=DELETE, old=old, given=options, dry_run=options.dry_run)
    await services.admission.mutate(services, admission)
    await services.admission.validate(services, admission)


async def _attempt(services: Services, call: Call, entry: Cached, options: DeleteOptions) -> Deleted:
    served, old = call.served, working(call.served, entry)
    new = deletion.marked(served, old, options, call.now)
    finished = is_finished(served.kind, new)
    if options.dry_run:
        return Deleted(Tree(old if finished else new, stored=True), finished)
    if not finished:
        replaced = await call.audit.timed("etcd", replace(services, served, entry, new, dry_run=False))
        return Deleted(replaced, False)
    gone = await call.audit.timed("etcd", remove(services, served.kind, entry))
    if waiting := prepare(services, served, (gone,)):
        await waiting
    return Deleted(One(gone), True)
