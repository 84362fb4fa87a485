"""metadata.managedFields under writes (KEP-555): under whose name they are recorded, and what a write cannot own.

Recorded for every create and update, before admission and the kind's preparation, so that nobody owns what the server
puts in. An apply settles its own records (machinery/apply.py). Rules: k8s.io/apiserver/pkg/endpoints/handlers
(managerOrUserAgent, fieldmanager) and the ResetFieldsStrategy of each kind.
"""

from sampan.apiserver.call import Call
from sampan.apiserver.options import WriteOptions
from sampan.apiserver.render.versions import in_version
from sampan.machinery import tracking
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, format_time

_FIELD = "managedFields"
_MAX_MANAGER = 128  # bytes
_BROKEN = (
    ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating "
    "admission controller; please fix your requests: operation must be `Apply` or `Update`"
)

Paths = tuple[tuple[str, ...], ...]


def record(call: Call, new: Object, old: Object | None, options: WriteOptions, subresource: str) -> None:
    """Note what changes hands, in place; both objects are in the storage version."""
    served = call.served
    before, after = old, new
    if served.version.convert:
        before, after = old and in_version(call, old), in_version(call, new)
    tracking.track_update(
        call.catalogue.fields(served),
        before,
        after,
        api_version=served.version.api_version,
        manager=options.manager or manager_of(call),
        now=format_time(call.now),
        subresource=subresource,
        reset=reset_paths(served.kind, subresource, new, old or {}),
    )
    if after is new:
        return
    if fields := after["metadata"].get(_FIELD):
        new["metadata"][_FIELD] = fields
    else:
        new["metadata"].pop(_FIELD, None)


def reset_paths(kind: Kind, subresource: str, new: Object, old: Object) -> Paths:
    """The paths that a write of this part cannot set."""
    given = kind.reset_fields.get(subresource, ())
    if subresource == "status":
        return (*given, *((name,) for name in {*new, *old} if name not in ("apiVersion", "kind", "metadata", "status")))
    return (*given, ("status",)) if kind.has_status and subresource not in kind.reset_fields.keys() - {""} else given


def manager_of(call: Call) -> str:
    """The name of a client that gives none: the beginning of its User-Agent."""
    agent = call.request.headers.get("user-agent", "").partition("/")[0]
    if not agent.isprintable():
        agent = "".join(char for char in agent if char.isprintable())
    return agent if len(agent) < _MAX_MANAGER // 4 else agent.encode()[:_MAX_MANAGER].decode(errors="ignore")


def keep_times(new: Object, old: Object) -> None:
    """A write that changes nothing but the times of its records changes nothing."""
    tracking.keep_times(new, old)


def restore_invalid(new: Object, recorded: object, warnings: list[str]) -> None:
    """Put back, in place, the records from before admission where a plugin has broken them."""
    fields = new["metadata"].get(_FIELD)
    if fields is not recorded and fields and not tracking.are_valid(fields):
        new["metadata"][_FIELD] = recorded
        warnings.append(_BROKEN)
