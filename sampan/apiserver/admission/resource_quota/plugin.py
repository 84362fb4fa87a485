"""The plugin: last of all, so that nothing is charged that somebody else refuses. Called by the admission chain."""

from collections.abc import Awaitable, Sequence

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.admission.resource_quota.check import Refusal, Request, ScopeRefusal
from sampan.apiserver.admission.resource_quota.ledger import Busy, Ledger
from sampan.apiserver.admission.resource_quota.limited import LimitedResource
from sampan.apiserver.keys import storage_prefix
from sampan.apiserver.services import Services
from sampan.apiserver.writes.storing import NOT_STORED, encode, not_stored
from sampan.kinds.core.resource_quota import KIND as QUOTA
from sampan.kinds.quota.evaluator import Change
from sampan.kinds.quota.registry import evaluator_of
from sampan.machinery.errors import APIError, Conflict


class ResourceQuota:
    """See the package."""

    def __init__(self, limited: Sequence[LimitedResource]) -> None:
        self._limited = limited
        self._ledger = Ledger(encode)

    def validate(self, services: Services, admission: Admission) -> Awaitable[None] | None:
        """Charge the quotas of the namespace; raises Forbidden where one would be exceeded."""
        kind, namespace = admission.kind, admission.call.info.namespace
        if not namespace or not kind.namespaced or not kind.is_stored:
            return None
        limited = [one for one in self._limited if (one.group, one.resource) == (kind.group, kind.plural)]
        prefix = storage_prefix(QUOTA, namespace)
        if not limited and not services.cache.list(prefix).items:
            return None  # first of all: most namespaces have none
        evaluator = evaluator_of(kind.group, kind.plural)
        change = Change(admission.operation, admission.subresource, admission.new, admission.old)
        if evaluator is None or not evaluator.handles(change):
            return None
        return self._charge(services, admission, prefix, Request(change, evaluator, limited, services.now()))

    async def _charge(self, services: Services, admission: Admission, prefix: str, request: Request) -> None:
        try:
            await self._ledger.charge(services.cache, prefix, request, dry_run=admission.dry_run)
        except ScopeRefusal as error:
            raise APIError(str(error), reason="") from error
        except Refusal as error:
            raise forbidden(admission, str(error)) from error
        except Busy as error:
            raise Conflict.of(QUOTA.plural, "", error.quota) from error
        except NOT_STORED as error:
            raise not_stored(error) from error
