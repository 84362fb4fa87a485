"""Conversion of custom resources by webhook: objects go out in a ConversionReview and come back in another version.

What comes back is held to the rules: the same objects, in the version that was asked for, with their metadata but for
labels and annotations. Called by views.py (reading) and by whoever stores. Upstream:
k8s.io/apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import orjson

from sampan.apiserver.webhooks.client import WebhookClient, WebhookFailed
from sampan.machinery.errors import FieldError, InternalError
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, validate_annotations, validate_labels

Tree = Mapping[str, Any]

_VERSIONS = ("v1", "v1beta1")  # of the review, that we speak
_TIMEOUT = 30.0
_GROUP = "apiextensions.k8s.io"


class _Bad(Exception):
    """An answer that breaks the rules."""


async def convert(client: WebhookClient, webhook: Tree, objects: Sequence[Object], api_version: str) -> list[Object]:
    """The objects in another version, as new trees. Raises InternalError; `webhook` is spec.conversion.webhook."""
    if not objects:
        return []
    first = objects[0]
    try:
        review = _review(webhook, objects, api_version)
        answer = await client.post(webhook["clientConfig"], orjson.dumps(review), timeout=_TIMEOUT)
        converted = _converted(answer, review)
    except (WebhookFailed, _Bad) as error:
        raise _error(first, f"failed: {error}") from error
    if len(converted) != len(objects):
        raise _error(first, f"returned {len(converted)} objects, expected {len(objects)}")
    return [_checked(*pair, api_version, index) for index, pair in enumerate(zip(objects, converted, strict=True))]


def _error(obj: Object, why: str) -> InternalError:
    """Upstream's is no API error, so that clients see it without a reason."""
    return InternalError(f"conversion webhook for {_gvk(obj)} {why}", reason="")


def _gvk(obj: Object) -> str:
    return f"{obj['apiVersion']}, Kind={obj['kind']}"


def _review(webhook: Tree, objects: Sequence[Object], api_version: str) -> Object:
    spoken = [version for version in webhook.get("conversionReviewVersions") or () if version in _VERSIONS]
    if not spoken:
        raise _Bad("no supported conversion review versions")
    request = {"uid": str(uuid4()), "desiredAPIVersion": api_version, "objects": list(objects)}
    return {"kind": "ConversionReview", "apiVersion": f"{_GROUP}/{spoken[0]}", "request": request}


def _converted(answer: bytes, review: Object) -> list[Any]:
    try:
        tree = orjson.loads(answer)
    except orjson.JSONDecodeError as error:
        raise _Bad(f"the answer is no JSON: {error}") from error
    if not isinstance(tree, dict):
        raise _Bad("the answer is no object")
    told = f"{tree.get('apiVersion')}, Kind={tree.get('kind')}"
    if told != _gvk(review):
        raise _Bad(f"expected webhook response of {_gvk(review)}, got {told}")
    response, uid = tree.get("response"), review["request"]["uid"]
    if not isinstance(response, dict):
        raise _Bad("no response provided")
    if review["apiVersion"].endswith("/v1") and response.get("uid") != uid:
        raise _Bad(f'expected response.uid="{uid}", got "{response.get("uid") or ""}"')
    result, objects = response.get("result") or {}, response.get("convertedObjects") or []
    if not isinstance(result, dict) or not isinstance(objects, list):
        raise _Bad("response.result or response.convertedObjects is of another type")
    if result.get("status") != "Success":
        raise _Bad(result.get("message") or f"response.result.status was '{result.get('status') or ''}', not 'Success'")
    return objects


def _checked(original: Object, converted: Any, api_version: str, index: int) -> Object:
    try:
        return _restored(original, converted, api_version)
    except _Bad as error:
        raise _error(original, f"returned invalid converted object at index {index}: {error}") from error


def _restored(original: Object, converted: Any, api_version: str) -> Object:
    """The converted object with the metadata of the original."""
    if not isinstance(converted, dict) or not isinstance(converted.get("metadata"), dict):
        raise _Bad("missing metadata in converted object")
    for field, wanted, word in (("apiVersion", api_version, "groupVersion"), ("kind", original["kind"], "kind")):
        if converted.get(field) != wanted:
            raise _Bad(f"invalid {word} (expected {wanted}, received {converted.get(field)})")
    meta, given = dict(original["metadata"]), converted["metadata"]
    for field, word in (("name", "name"), ("namespace", "namespace"), ("uid", "UID")):
        if (meta.get(field) or "") != (given.get(field) or ""):
            raise _Bad(f"must have the same {word}: {meta.get(field) or ''} != {given.get(field) or ''}")
    for field, check in (("labels", validate_labels), ("annotations", validate_annotations)):
        meta.pop(field, None)
        if given.get(field):
            _check_texts(field, given[field])
            if given[field] != original["metadata"].get(field):
                _refuse(list(check(given[field], Path("metadata").child(field))))
            meta[field] = given[field]
    return {**converted, "metadata": meta}


def _check_texts(field: str, values: Any) -> None:
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise _Bad(f"invalid metadata.{field} in converted object")


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise _Bad(", ".join(map(str, errors)))
