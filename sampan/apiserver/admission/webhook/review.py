"""AdmissionReview: what a webhook is sent, and what it may answer. Pure.

v1 and v1beta1 differ in how strictly the answer is read only. Upstream:
k8s.io/apiserver/pkg/admission/plugin/webhook (request/admissionreview.go, errors/statuserror.go).
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from sampan.machinery.errors import APIError, from_status
from sampan.machinery.meta import Object

_GROUP, _KIND = "admission.k8s.io", "AdmissionReview"
_VERSIONS = ("v1", "v1beta1")


class BadResponse(Exception):
    """An answer that is none; str() is what follows `failed calling webhook "x": `."""


class Response(NamedTuple):
    """What a webhook says."""

    allowed: bool
    result: Object | None  # a Status
    patch: bytes
    patch_type: str
    warnings: Sequence[str]
    annotations: dict[str, str]


def review_version(offered: Sequence[str]) -> str:
    """The first version that both sides speak, "" if there is none."""
    return next((version for version in offered if version in _VERSIONS), "")


def review_body(version: str, uid: str, request: Object, objects: Sequence[Any]) -> bytes:
    """The review of a request (request.py); the objects may be encoded already."""
    obj, old = objects
    whole = {"uid": uid, **request, "object": obj, "oldObject": old}
    return orjson.dumps({"kind": _KIND, "apiVersion": f"{_GROUP}/{version}", "request": whole})


def read_response(body: bytes, version: str, uid: str, *, mutating: bool) -> Response:
    """The answer, if it is a good one. Raises BadResponse."""
    review = _decoded(body)
    response = review.get("response")
    if response is None:
        raise _invalid("webhook response was absent")
    if not isinstance(response, dict):
        raise _undecodable("response", response)
    found = _response(response)
    if version == "v1":
        _check_identity(review, response, uid)
        _check_patch(found, response.get("patchType"), mutating=mutating)
    elif found.patch:
        found = found._replace(patch_type="JSONPatch")
    return found if mutating else found._replace(patch=b"", patch_type="")


def _decoded(body: bytes) -> Object:
    try:
        review = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadResponse(f"failed to call webhook: couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(review, dict):
        raise _undecodable("", review)
    return review


def _response(tree: Object) -> Response:
    """The fields, each of its type."""
    for field, type_ in (("allowed", bool), ("status", dict), ("warnings", list), ("auditAnnotations", dict)):
        if not isinstance(tree.get(field), type_ | None):
            raise _undecodable(f"response.{field}", tree[field])
    warnings, annotations = tree.get("warnings") or [], tree.get("auditAnnotations") or {}
    for value in (*warnings, *annotations.values(), tree.get("patch") or "", tree.get("patchType") or ""):
        if not isinstance(value, str):
            raise _undecodable("response", value)
    patch = _bytes(tree.get("patch") or "")
    return Response(
        tree.get("allowed") is True, tree.get("status"), patch, tree.get("patchType") or "", warnings, annotations
    )


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadResponse(f"failed to call webhook: illegal base64 data in response.patch: {error}") from error


def _check_identity(review: Object, response: Object, uid: str) -> None:
    if response.get("uid") != uid:
        raise _invalid(f'expected response.uid="{uid}", got "{response.get("uid") or ""}"')
    group_version, kind = review.get("apiVersion") or "/", review.get("kind") or ""
    if (group_version, kind) != (f"{_GROUP}/v1", _KIND):
        raise _invalid(f"expected webhook response of {_GROUP}/v1, Kind={_KIND}, got {group_version}, Kind={kind}")


def _check_patch(found: Response, patch_type: str | None, *, mutating: bool) -> None:
    if not mutating:
        for there, field in ((found.patch, "patch"), (patch_type is not None, "patchType")):
            if there:
                raise _invalid(f"validating webhook may not return response.{field}")
    elif found.patch and patch_type is None:
        raise _invalid("webhook returned response.patch but not response.patchType")
    elif not found.patch and patch_type is not None:
        raise _invalid("webhook returned response.patchType but not response.patch")
    elif patch_type == "":
        raise _invalid('webhook returned invalid response.patchType of ""')


def _invalid(why: str) -> BadResponse:
    return BadResponse(f"received invalid webhook response: {why}")


def _undecodable(where: str, value: Any) -> BadResponse:
    at = f"field AdmissionReview.{where}" if where else "value"
    return BadResponse(f"failed to call webhook: json: cannot unmarshal {type(value).__name__} into Go struct {at}")


def refusal(name: str, result: Object | None) -> APIError:
    """The error for a request that a webhook denies: its own status, with who says so."""
    status = dict(result or {})
    code = status.get("code")
    status["code"] = code if isinstance(code, int) and 400 <= code <= 999 else 400
    why = status.get("message") or status.get("reason")
    denied = f'admission webhook "{name}" denied the request'
    status["message"] = f"{denied}: {why}" if why else f"{denied} without explanation"
    status["reason"] = str(status.get("reason") or "")
    return from_status({**status, "details": _details(status.get("details"))})


def _details(given: Any) -> Object:
    """StatusDetails, as far as they are some: parts of them become headers and are read here."""
    if not isinstance(given, dict):
        return {}
    found: Object = {key: given[key] for key in ("name", "group", "kind", "uid") if isinstance(given.get(key), str)}
    causes = given.get("causes")
    if isinstance(causes, list) and all(isinstance(cause, dict) for cause in causes):
        found["causes"] = causes
    if type(retry := given.get("retryAfterSeconds")) is int and 0 < retry < 1 << 31:
        found["retryAfterSeconds"] = retry
    return found
