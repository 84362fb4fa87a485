"""serviceaccounts/token: the TokenRequest API (KEP-1205).

Rules and words: k8s.io/kubernetes/pkg/registry/core/serviceaccount/storage (token.go).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sampan.apiserver.admission.foreign import mutated
from sampan.apiserver.authentication.service_account import (
    EXTENDED,
    WARN_AFTER,
    Bound,
    Expirations,
    ServiceAccountTokens,
    expiry,
)
from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_body, recognized, unrecognized
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.metadata import check_namespace
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.get import current
from sampan.kinds.core.node import KIND as NODE
from sampan.machinery.errors import FIELD_INVALID, BadRequest, Conflict, FieldError, Invalid, NotFound
from sampan.machinery.meta import Object, format_time

_GROUP = "authentication.k8s.io"
_DEFAULT_SECONDS = 3600
_MIN_SECONDS, _MAX_SECONDS = 600, 1 << 32
_BOUND = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}
_REGISTRATION = "admissionregistration.k8s.io/v1"
_WEBHOOKS = (
    (_REGISTRATION, "ValidatingWebhookConfiguration"),
    (_REGISTRATION, "MutatingWebhookConfiguration"),
)


async def create_token(services: Services, call: Call) -> Tree:
    """The TokenRequest with its status, 201."""
    options = write_options(call.query, "CreateOptions")
    sent = await beside(is_large(call), read_body, call, "TokenRequest", "authentication.k8s.io/v1")
    body = _body(call, sent)
    admission = await mutated(services, call, body, options, "token")
    account = current(services, call).object
    _check_account(admission.new, account)
    spec = _checked(admission.new)
    await services.admission.validate(services, admission)
    tokens = services.authenticator.service_accounts
    seconds = _shortened(spec.get("expirationSeconds") or _DEFAULT_SECONDS, tokens.expirations, call)
    audiences = spec.get("audiences") or list(tokens.audiences)
    bound = _bound(services, call, spec.get("boundObjectRef"))
    longer = _lives_longer(seconds, audiences, bound, tokens)
    lifetime = timedelta(seconds=seconds)
    issued = tokens.issue(
        account,
        audiences,
        timedelta(seconds=EXTENDED) if longer else lifetime,
        call.now,
        bound,
        lifetime if longer else None,
    )
    call.audit["authentication.kubernetes.io/issued-credential-id"] = issued.credential_id
    filled = {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": spec.get("boundObjectRef")}
    return Tree(
        {
            "kind": "TokenRequest",
            "apiVersion": f"{_GROUP}/v1",
            "metadata": _named(account, call),
            "spec": filled,
            "status": {"token": issued.token, "expirationTimestamp": format_time(expiry(call.now, lifetime))},
        },
        201,
    )


def _shortened(seconds: int, expirations: Expirations, call: Call) -> int:
    longest = int(expirations.longest)
    if not 0 < longest < seconds:
        return seconds
    call.warnings.append(f"requested expiration of {seconds} seconds shortened to {longest} seconds")
    return longest


def _lives_longer(seconds: int, audiences: Sequence[str], bound: Sequence[Bound], tokens: ServiceAccountTokens) -> bool:
    """A pod's injected token lives a year, for clients that don't read it anew; what shows is the hour asked for."""
    is_injected = seconds == WARN_AFTER and any(ref.kind == "pod" for ref in bound)
    return tokens.expirations.extend and is_injected and set(audiences) <= set(tokens.audiences)


def _named(account: Object, call: Call) -> Object:
    named = {field: account["metadata"][field] for field in ("name", "namespace", "uid")}
    return named | {"creationTimestamp": format_time(call.now)}


def _body(call: Call, request: Object) -> Object:
    """The request as admission is shown it; raises BadRequest, Invalid where it is for another account."""
    meta = request.get("metadata") or {}
    if not isinstance(meta, dict) or not isinstance(request.get("spec") or {}, dict):
        raise unrecognized("TokenRequest")
    check_namespace(meta, call.info.namespace)
    if (name := meta.get("name") or call.info.name) != call.info.name:
        detail = "must match the service account name if specified"
        raise _invalid("metadata.name", name, detail, call.info.name)
    named = {"name": call.info.name, "namespace": call.info.namespace}
    return {
        **request,
        "apiVersion": f"{_GROUP}/v1",
        "kind": "TokenRequest",
        "metadata": meta | named,
        "spec": request.get("spec") or {},
    }


def _check_account(request: Object, account: Object) -> None:
    """A request may name the account's uid; raises Conflict where that is another's."""
    uid, found = request["metadata"].get("uid"), account["metadata"]["uid"]
    if uid and uid != found:
        why = f"the UID in the token request ({uid}) does not match the UID of the service account ({found})"
        raise Conflict.of("TokenRequest", _GROUP, account["metadata"]["name"], why)


def _checked(request: Any) -> Object:
    spec = recognized(request, "TokenRequest").get("spec") or {}
    audiences = spec.get("audiences") or [] if isinstance(spec, dict) else None
    if not isinstance(audiences, list) or not all(isinstance(audience, str) for audience in audiences):
        raise unrecognized("TokenRequest")
    seconds = spec.get("expirationSeconds")
    seconds = _DEFAULT_SECONDS if seconds is None else seconds
    if type(seconds) is not int:
        raise unrecognized("TokenRequest")
    _check_attestations(spec, audiences)
    detail = ""
    if seconds < _MIN_SECONDS:
        detail = "may not specify a duration less than 10 minutes"
    elif seconds > _MAX_SECONDS:
        detail = "may not specify a duration larger than 2^32 seconds"
    if detail:
        raise _invalid("spec.expirationSeconds", seconds, detail)
    return dict(spec)


def _check_attestations(spec: Object, audiences: Sequence[str]) -> None:
    """What only a token for a webhook may say, and must."""
    attestations, ref = spec.get("attestations"), spec.get("boundObjectRef")
    if not isinstance(ref, Mapping) or (ref.get("apiVersion"), ref.get("kind")) not in _WEBHOOKS:
        if attestations:
            detail = "attestations may only be specified with a webhook bound object reference"
            raise _invalid("spec.attestations", attestations, detail)
    elif len(audiences) > 1:  # none are those of the server
        raise _invalid("spec.audiences", audiences, "must be length 1 when bound to a webhook config")
    elif not isinstance(attestations, dict) or len(attestations) != 1:
        detail = "webhook bound requests require exactly one admissionReviewAPIGroups attestation"
        raise _invalid("spec.attestations", attestations, detail)


def _invalid(path: str, value: Any, detail: str, name: str = "") -> Invalid:
    return Invalid.of("TokenRequest", _GROUP, name, [FieldError(FIELD_INVALID, path, detail, value)])


def _bound(services: Services, call: Call, ref: Any) -> list[Bound]:
    """The object that the token is bound to, which must exist and be the one that is meant."""
    if ref is None:
        return []
    version, word = _type(ref)
    if "/" in version or word not in _BOUND:
        raise _unboundable(version, word)
    plural, name, uid = _BOUND[word], ref.get("name") or "", ref.get("uid") or ""
    kind = services.catalogue.by_resource["", "v1", plural].kind
    found = services.find(kind, call.info.namespace, name)
    if found is None:
        raise NotFound.of(plural, "", name)
    if word == "Pod" and found["spec"].get("serviceAccountName") != call.info.name:
        raise BadRequest(
            f'cannot bind token for serviceaccount "{call.info.name}" to pod running with different '
            "serviceaccount name."
        )
    if uid and uid != found["metadata"]["uid"]:
        why = f"the UID in the bound object reference ({uid}) does not match the UID in record. "
        raise Conflict.of(word, "", name, why + "The object might have been deleted and then recreated")
    bound = [Bound(word.lower(), name, found["metadata"]["uid"])]
    if word == "Pod" and (node_name := found["spec"].get("nodeName")):
        bound.append(_node_of_pod(services, node_name))
    return bound


def _type(ref: Any) -> tuple[str, str]:
    """The apiVersion and kind of a reference; raises BadRequest where it is none."""
    fields = ("apiVersion", "kind", "name", "uid")
    if not isinstance(ref, Mapping) or not all(isinstance(ref.get(field) or "", str) for field in fields):
        raise unrecognized("TokenRequest")
    return ref.get("apiVersion") or "", ref.get("kind") or ""


def _unboundable(version: str, word: str) -> BadRequest:
    shown = f"{version if '/' in version else '/' + version}, Kind={word}"
    if (version, word) in _WEBHOOKS:
        shown += " (feature gate APIServerWebhookAuthenticationToken is disabled)"
    return BadRequest(f"cannot bind token to object of type {shown}")


def _node_of_pod(services: Services, name: str) -> Bound:
    """Where the pod is; without a uid where that node is not there any more."""
    node = services.find(NODE, "", name)
    return Bound("node", name, node["metadata"]["uid"] if node else "")
