"""serviceaccounts/token: the TokenRequest API (KEP-1205)."""

from datetime import timedelta
from typing import Any

from sampan.apiserver.admission.foreign import mutated
from sampan.apiserver.authentication.service_account import Bound, expiry
from sampan.apiserver.bodies import read_body, recognized, unrecognized
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.metadata import check_namespace
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.get import current
from sampan.kinds.core.node import KIND as NODE
from sampan.machinery.errors import FIELD_INVALID, BadRequest, Conflict, FieldError, Invalid, NotFound
from sampan.machinery.meta import Object, format_time

_DEFAULT_SECONDS = 3600
_MIN_SECONDS, _MAX_SECONDS = 600, 1 << 32
_BOUND = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


async def create_token(services: Services, call: Call) -> Tree:
    """The TokenRequest with its status, 201."""
    options = write_options(call.query, "CreateOptions")
    body = _body(call, read_body(call, "TokenRequest", "authentication.k8s.io/v1"))
    admission = await mutated(services, call, body, options, "token")
    spec = _checked(admission.new)
    account = current(services, call).object
    await services.admission.validate(services, admission)
    seconds = spec.get("expirationSeconds") or _DEFAULT_SECONDS
    audiences = spec.get("audiences") or list(services.authenticator.service_accounts.audiences)
    lifetime = timedelta(seconds=seconds)
    bound = _bound(services, call, spec.get("boundObjectRef"))
    token = services.authenticator.service_accounts.issue(account, audiences, lifetime, call.now, bound)
    filled = {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": spec.get("boundObjectRef")}
    meta = {
        "name": account["metadata"]["name"],
        "namespace": account["metadata"]["namespace"],
        "creationTimestamp": format_time(call.now),
    }
    return Tree(
        {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": meta,
            "spec": filled,
            "status": {"token": token, "expirationTimestamp": format_time(expiry(call.now, lifetime))},
        },
        201,
    )


def _body(call: Call, request: Object) -> Object:
    """The request as admission is shown it; raises BadRequest where it is for another account."""
    meta = request.get("metadata") or {}
    if not isinstance(meta, dict) or not isinstance(request.get("spec") or {}, dict):
        raise unrecognized("TokenRequest")
    check_namespace(meta, call.info.namespace)
    named = {"name": call.info.name, "namespace": call.info.namespace}
    return {
        **request,
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "metadata": meta | named,
        "spec": request.get("spec") or {},
    }


def _checked(request: Any) -> Object:
    spec = recognized(request, "TokenRequest").get("spec") or {}
    audiences = spec.get("audiences") or [] if isinstance(spec, dict) else None
    if not isinstance(audiences, list) or not all(isinstance(audience, str) for audience in audiences):
        raise unrecognized("TokenRequest")
    seconds = spec.get("expirationSeconds")
    if seconds is None:
        return dict(spec)
    if type(seconds) is not int:
        raise unrecognized("TokenRequest")
    detail = ""
    if seconds < _MIN_SECONDS:
        detail = "may not specify a duration less than 10 minutes"
    elif seconds > _MAX_SECONDS:
        detail = "may not specify a duration larger than 2^32 seconds"
    if detail:
        error = FieldError(FIELD_INVALID, "spec.expirationSeconds", detail, seconds)
        raise Invalid.of("TokenRequest", "authentication.k8s.io", "", [error])
    return dict(spec)


def _bound(services: Services, call: Call, ref: Any) -> list[Bound]:
    """The object that the token is bound to, which must exist and be the one that is meant."""
    if ref is None:
        return []
    if not isinstance(ref, dict) or ref.get("kind") not in _BOUND or ref.get("apiVersion") != "v1":
        shown = ref if isinstance(ref, dict) else {}
        raise BadRequest(
            f'cannot bind token for serviceaccount "{call.info.name}" to object of type '
            f"{shown.get('apiVersion')}, Kind={shown.get('kind')}"
        )
    plural, name, uid = _BOUND[ref["kind"]], ref.get("name") or "", ref.get("uid") or ""
    kind = services.catalogue.by_resource["", "v1", plural].kind
    found = services.find(kind, call.info.namespace, name)
    if found is None:
        raise NotFound.of(plural, "", name)
    if uid and uid != found["metadata"]["uid"]:
        why = f"the UID in the bound object reference ({uid}) does not match the UID in record. "
        raise Conflict.of(plural, "", name, why + "The object might have been deleted and then recreated")
    if ref["kind"] == "Pod" and found["spec"].get("serviceAccountName") != call.info.name:
        raise BadRequest(
            f'cannot bind token for serviceaccount "{call.info.name}" to pod running with different '
            "serviceaccount name."
        )
    bound = [Bound(ref["kind"].lower(), name, found["metadata"]["uid"])]
    if ref["kind"] == "Pod" and (node_name := found["spec"].get("nodeName")):
        bound += _node_of_pod(services, node_name)
    return bound


def _node_of_pod(services: Services, name: str) -> list[Bound]:
    node = services.find(NODE, "", name)
    return [Bound("node", name, node["metadata"]["uid"])] if node else []
