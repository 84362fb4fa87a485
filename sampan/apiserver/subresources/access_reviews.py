"""SubjectAccessReview and its kin: what the authorizers would say (authorization.k8s.io).

Rules: k8s.io/kubernetes/pkg/registry/authorization.
"""

from collections.abc import Iterable
from typing import Any

from sampan.apiserver.admission.foreign import admitted_review
from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import Attributes, Verdict
from sampan.apiserver.authorization.rules import Rule
from sampan.apiserver.authorization.selectors import of_review
from sampan.apiserver.bodies import read_object
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services
from sampan.machinery.errors import FIELD_INVALID, FIELD_REQUIRED, BadRequest, FieldError, Invalid
from sampan.machinery.meta import Object

_ONE_OF = "exactly one of nonResourceAttributes or resourceAttributes must be specified"


async def subject(services: Services, call: Call) -> Tree:
    """Any user."""
    review = await _read(services, call)
    spec = review["spec"]
    return await _answer(services, review, _user(call, spec), spec)


async def local_subject(services: Services, call: Call) -> Tree:
    """Any user, in the namespace of the request."""
    review = await _read(services, call)
    spec = review["spec"]
    attributes = spec.get("resourceAttributes")
    if attributes is None or attributes.get("namespace") != call.info.namespace:
        raise BadRequest(
            f"spec.resourceAttributes.namespace must match namespace: {call.info.namespace}"
            if attributes is not None
            else "spec.resourceAttributes must be specified"
        )
    return await _answer(services, review, _user(call, spec), spec)


async def self_subject(services: Services, call: Call) -> Tree:
    """The caller."""
    review = await _read(services, call)
    return await _answer(services, review, call.user, review["spec"])


async def self_rules(services: Services, call: Call) -> Tree:
    """All that the caller may do in a namespace."""
    review = await _read(services, call)
    namespace = review["spec"].get("namespace") or ""
    if not namespace:
        raise BadRequest("no namespace on request")
    known = services.authorizers.known_rules(call.user, namespace)
    review["status"] = {
        "resourceRules": [_resource_rule(rule) for rule in known.rules if rule.resources],
        "nonResourceRules": [
            {"verbs": list(rule.verbs), "nonResourceURLs": list(rule.urls)} for rule in known.rules if rule.urls
        ],
        "incomplete": known.incomplete,
    } | ({"evaluationError": known.error} if known.error else {})
    return Tree(review, 201, stored=True)


async def _read(services: Services, call: Call) -> Object:
    options = write_options(call.query, "CreateOptions")
    review = read_object(call, options.validation)
    review.setdefault("spec", {})
    review.pop("status", None)
    return await admitted_review(services, call, review, options)


def _user(call: Call, spec: Object) -> User:
    name, groups = spec.get("user") or "", tuple(spec.get("groups") or ())
    if not name and not groups:
        detail = "at least one of user or group must be specified"
        kind = call.served.kind
        raise Invalid.of(kind.name, kind.group, "", [FieldError(FIELD_INVALID, "spec.user", detail, "")])
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(name, groups, spec.get("uid") or "", extra)


async def _answer(services: Services, review: Object, user: User, spec: Object) -> Tree:
    attributes = _attributes(review["kind"], user, spec)
    decision = await services.authorizers.ask(attributes)
    errors = "; ".join(error for error in (decision.error, *attributes.selectors.errors()) if error)
    texts = {"reason": decision.reason, "evaluationError": errors}
    review["status"] = {
        "allowed": decision.allowed,
        **({"denied": True} if decision.verdict is Verdict.DENY else {}),
        **{field: text for field, text in texts.items() if text},
    }
    return Tree(review, 201, stored=True)


def _attributes(kind: str, user: User, spec: Object) -> Attributes:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        error = FieldError(FIELD_REQUIRED, "spec.resourceAttributes", _ONE_OF)
        if resource is not None:
            error = FieldError(FIELD_INVALID, "spec.nonResourceAttributes", f"{_ONE_OF}, but not both", path)
        raise Invalid.of(kind, "authorization.k8s.io", "", [error])
    if path is not None:
        return Attributes(user, path.get("verb") or "", False, path=path.get("path") or "")
    assert resource is not None
    names: Iterable[str] = ("namespace", "group", "resource", "subresource", "name")
    values: dict[str, Any] = {name: resource.get(name) or "" for name in names}
    selectors = of_review(resource.get("fieldSelector"), resource.get("labelSelector"))
    version = resource.get("version") or "*"
    return Attributes(user, resource.get("verb") or "", version=version, selectors=selectors, **values)


def _resource_rule(rule: Rule) -> Object:
    tree: Object = {"verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources)}
    return tree | ({"resourceNames": list(rule.names)} if rule.names else {})
