"""metadata.managedFields under writes (KEP-555): when they are recorded, and under whose name.

Recording costs as much as the rest of a write and doubles an object. So it begins when an object is created by a client
that names its field manager (as kubectl does) or is applied; until then there are no records, and the first apply finds
one manager, before-first-apply, as upstream's does for objects that were never tracked.
"""

from sampan.apiserver.call import Call
from sampan.apiserver.render.versions import in_version
from sampan.machinery.managers import track_update
from sampan.machinery.meta import Object, format_time

_FIELD = "managedFields"


def record_create(call: Call, new: Object, manager: str) -> None:
    """Note the creator's fields, in place; an unnamed creator leaves no records."""
    new["metadata"].pop(_FIELD, None)
    if manager:
        _record(call, None, new, manager, "")


def record_update(call: Call, new: Object, old: Object, manager: str, subresource: str) -> None:
    """Note what changes hands, in place, if the object has records."""
    if not old["metadata"].get(_FIELD):
        new["metadata"].pop(_FIELD, None)
        return
    _record(call, old, new, manager or manager_of(call), subresource)


def _record(call: Call, old: Object | None, new: Object, manager: str, subresource: str) -> None:
    before, after = old and in_version(call, old), in_version(call, new)
    definition, now = call.catalogue.definition(call.served.version), format_time(call.now)
    track_update(before, after, definition=definition, manager=manager, now=now, subresource=subresource)
    if fields := after["metadata"].get(_FIELD):
        new["metadata"][_FIELD] = fields
    else:
        new["metadata"].pop(_FIELD, None)


def manager_of(call: Call) -> str:
    """The name of a client that gives none: the beginning of its User-Agent, or its user's name."""
    agent = call.request.headers.get("user-agent", "").partition("/")[0]
    return (agent or call.user.name.rpartition(":")[2])[:128]
