"""The annotation of `kubectl apply` under server-side apply, so that one may change from the one to the other and back.

Who applies as `kubectl` may change what the annotation says that client-side apply has set, if it still is so; and the
annotation, where there is one, then says what was applied. Other managers' names opt out. Called by apply.py and the
API server. Rules: k8s.io/apimachinery/pkg/util/managedfields/internal (lastappliedmanager, lastappliedupdater).
"""

import orjson

from sampan.machinery.errors import BadRequest
from sampan.machinery.fieldsets import NO_FIELDS, FieldSet, compare, nodes
from sampan.machinery.jsonio import parse_json
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.metadata import ANNOTATIONS_LIMIT
from sampan.machinery.schema import Field

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MANAGER = "kubectl"
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}  # as Go does


def read(live: Object) -> object:
    """What was last applied by the client, as it wrote it: any JSON; None where that cannot be read."""
    text = annotations_of(live).get(ANNOTATION)
    try:
        return parse_json(text.encode()) if text else None
    except (BadRequest, UnicodeEncodeError):
        return None


def still_so(field: Field, last: Object | None, live: Object) -> FieldSet:
    """The fields that client-side apply set and that have kept their values.

    `last` has the defaults that it was given, so that a value which is owned as one (a fieldRef) compares as it was
    stored. Upstream compares it as it was written, and finds kubectl in conflict with itself there.
    """
    if last is None:
        return NO_FIELDS
    changed, gone = compare(field, last, live)
    return frozenset(nodes(field, last)) - changed - gone


def follow(merged: Object, applied: Object) -> None:
    """Bring an annotation that is there up to date, in place; one that would be too large goes."""
    if not annotations_of(merged).get(ANNOTATION):
        return
    annotations = dict(annotations_of(merged))
    text = orjson.dumps(_without_annotation(applied), option=orjson.OPT_SORT_KEYS).decode() + "\n"
    for char, escape in _ESCAPES.items():
        text = text.replace(char, escape)
    annotations[ANNOTATION] = text
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > ANNOTATIONS_LIMIT:
        del annotations[ANNOTATION]
    merged["metadata"]["annotations"] = annotations


def _without_annotation(applied: Object) -> Object:
    annotations = annotations_of(applied)
    if ANNOTATION not in annotations:
        return applied
    left = {key: value for key, value in annotations.items() if key != ANNOTATION}
    return {**applied, "metadata": {**applied["metadata"], "annotations": left}}
