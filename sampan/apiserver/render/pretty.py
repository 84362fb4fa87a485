"""Indented JSON for people: what `?pretty` asks for, and what curl, wget and browsers get without asking.

Rule: k8s.io/apiserver/pkg/endpoints/handlers/negotiation (isPrettyPrint). Called by app.py on every reply.
"""

import re

import orjson

from sampan.apiserver.accept import JSON
from sampan.apiserver.query import parse_query
from sampan.machinery.booleans import is_true
from sampan.transport.messages import Reply, Request, Response

_PEOPLE = ("curl", "Wget", "Mozilla/5.0")
_ASKED = re.compile(r"application/json *;([^,]*;)? *pretty=1")


def pretty(request: Request, reply: Reply) -> Reply:
    """The reply, indented if it is JSON and its reader wants it so. Streams and OpenAPI documents stay as they are."""
    if not is_wanted(request) or not isinstance(reply, Response) or reply.content_type != JSON:
        return reply
    if request.path.startswith("/openapi"):
        return reply
    tree = orjson.loads(b"".join([reply.body, *reply.chunks]))
    return Response(reply.status, orjson.dumps(tree, option=orjson.OPT_INDENT_2), JSON, reply.headers)


def is_wanted(request: Request) -> bool:
    """Whether the reader of the answer wants it indented."""
    accepted = request.headers.get("accept", "")
    if "pretty=" in accepted and _ASKED.search(accepted):
        return True
    if "pretty=" in request.raw_query and (value := parse_query(request.raw_query).get("pretty")):
        return is_true(value)
    return request.headers.get("user-agent", "").startswith(_PEOPLE)
