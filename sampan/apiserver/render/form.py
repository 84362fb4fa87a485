"""The form in which a call is to be answered: which offer is its endpoint's, and what of it the client takes.

Called by app.py before anything is done, so that nobody changes what he then cannot be told of.
"""

from functools import lru_cache

from sampan.apiserver import accept
from sampan.apiserver.accept import STREAM_TYPES, YAML, MediaTypeOptions, Offer
from sampan.apiserver.call import Call
from sampan.machinery.protobuf import message_of

# They answer in bytes of their own, whatever is accepted, and may take any time.
STREAMS = frozenset({"log", "exec", "attach", "portforward", "proxy"})
_LISTS = frozenset({"list", "watch"})


@lru_cache(maxsize=1024)  # of what kinds are called, never of what clients say
def _has_message(api_version: str, kind: str) -> bool:
    return message_of(api_version, kind) is not None


def wanted_form(call: Call) -> MediaTypeOptions:
    """What the client takes of what its call can give; raises NotAcceptable."""
    header, info = call.request.headers.get("accept", ""), call.info
    if info.subresource == "log":
        accept.TEXT.route(header)
    if info.subresource in STREAMS:
        return MediaTypeOptions()
    form = _offer(call).negotiate(header)
    if info.verb == "watch" and form.media_type == YAML:
        raise accept.not_acceptable(STREAM_TYPES)
    return form


def _offer(call: Call) -> Offer:
    kind, version = call.served
    if version.structure is not None or not _has_message(version.api_version, kind.name):
        return accept.CUSTOM
    if not kind.is_read:
        return accept.ANSWERED
    return accept.COLLECTION if call.info.verb in _LISTS else accept.OBJECT
