"""certificatesigningrequests/approval and /status: whether a certificate may be issued, and the certificate itself.

Two rights, two subresources: who approves cannot sign, who signs cannot approve. Whether they may for this signer is
up to admission (apiserver/admission/certificates.py). Rules: k8s.io/kubernetes/pkg/registry/certificates.
"""

from collections.abc import Callable, Iterable

from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.services import Services
from sampan.apiserver.subresources.subresource import Subresource
from sampan.apiserver.verbs.get import get
from sampan.apiserver.verbs.patch import patch_part
from sampan.apiserver.verbs.update import update_part
from sampan.apiserver.writes.write import Part, keep
from sampan.kinds.certificates.request_rules import APPROVAL, APPROVED, DENIED, STATUS, conditions_of, validate_change
from sampan.machinery.errors import FieldError
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, format_time

_Prepare = Callable[[Object, Object, str], None]  # (new, old, the time)


def _part(call: Call, subresource: str, prepare: _Prepare) -> Part:
    def prepared(kind: Kind, new: Object, old: Object) -> None:
        keep(new, old, ["spec"])
        prepare(new, old, format_time(call.now))

    return Part(subresource=subresource, prepare=prepared, validate=_validate)


def _validate(call: Call, new: Object, old: Object) -> Iterable[FieldError]:
    lenient = call.served.version.version == "v1beta1"
    return validate_change(new, old, call.info.subresource, lenient=lenient)


def _prepare_approval(new: Object, old: Object, now: str) -> None:
    """Of the status, only the conditions are taken."""
    conditions = [_timed(one, old, now) for one in conditions_of(new)]
    status = {field: value for field, value in (old.get("status") or {}).items() if field != "conditions"}
    new["status"] = status | ({"conditions": conditions} if conditions else {})


def _prepare_status(new: Object, old: Object, now: str) -> None:
    """Decisions stay as they are; that one came or went is for validation to refuse."""
    conditions = conditions_of(new)
    for type_ in (APPROVED, DENIED):
        before, at = conditions_of(old, type_), [i for i, one in enumerate(conditions) if one.get("type") == type_]
        if len(before) == len(at):
            conditions = [dict(before[at.index(i)]) if i in at else one for i, one in enumerate(conditions)]
    if conditions:
        new["status"]["conditions"] = [_timed(one, old, now) for one in conditions]


def _timed(condition: Object, old: Object, now: str) -> Object:
    """A condition with its times: when it was written, and since when it has its status."""
    since = now
    for one in conditions_of(old, condition.get("type") or ""):
        if one.get("status") == condition.get("status") and one.get("lastTransitionTime"):
            since = one["lastTransitionTime"]
            break
    return {
        **condition,
        "lastUpdateTime": condition.get("lastUpdateTime") or now,
        "lastTransitionTime": condition.get("lastTransitionTime") or since,
    }


def _subresource(name: str, prepare: _Prepare) -> Subresource:
    async def update(services: Services, call: Call) -> One | Tree:
        return await update_part(services, call, _part(call, name, prepare))

    async def patch(services: Services, call: Call) -> One | Tree:
        return await patch_part(services, call, _part(call, name, prepare))

    return Subresource({"get": get, "patch": patch, "update": update})


REQUEST_APPROVAL = _subresource(APPROVAL, _prepare_approval)
REQUEST_STATUS = _subresource(STATUS, _prepare_status)
