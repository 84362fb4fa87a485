"""SubjectAccessReview and its kin: what the authorizers would say (authorization.k8s.io).

Rules: k8s.io/kubernetes/pkg/registry/authorization.
"""

from typing import Any

from sampan.apiserver.admission.foreign import mutated
from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import Attributes, Verdict
from sampan.apiserver.authorization.rules import Rule
from sampan.apiserver.authorization.selectors import of_review
from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_object
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services
from sampan.machinery.errors import BadRequest, Invalid
from sampan.machinery.meta import Object


async def subject(services: Services, call: Call) -> Tree:
    """Any user; in one namespace, where the request is in one."""
    review = await _read(services, call)
    return await _answer(services, review, _user(review["spec"]))


async def self_subject(services: Services, call: Call) -> Tree:
    """The caller."""
    review = await _read(services, call)
    return await _answer(services, review, call.user)


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
    review = await beside(is_large(call), read_object, call, options.validation)
    review.setdefault("spec", {})
    review.pop("status", None)
    admission = await mutated(services, call, review, options, "", foreign=False)
    kind, review = call.served.kind, admission.new
    if errors := await beside(is_large(call), list, kind.validate(review)) if kind.validate else []:
        raise Invalid.of(kind.name, kind.group, "", errors)
    await services.admission.validate(services, admission)
    return review


def _user(spec: Object) -> User:
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "", extra)


async def _answer(services: Services, review: Object, user: User) -> Tree:
    attributes = _attributes(user, review["spec"])
    decision = await services.authorizers.ask(attributes)
    errors = "; ".join(error for error in (decision.error, *attributes.selectors.errors()) if error)
    texts = {"reason": decision.reason, "evaluationError": errors}
    review["status"] = {
        "allowed": decision.allowed,
        **({"denied": True} if decision.verdict is Verdict.DENY else {}),
        **{field: text for field, text in texts.items() if text},
    }
    return Tree(review, 201, stored=True)


def _attributes(user: User, spec: Object) -> Attributes:
    if (path := spec.get("nonResourceAttributes")) is not None:
        return Attributes(user, path.get("verb") or "", False, path=path.get("path") or "")
    resource = spec["resourceAttributes"]
    names = ("namespace", "group", "resource", "subresource", "name")
    values: dict[str, Any] = {name: resource.get(name) or "" for name in names}
    selectors = of_review(resource.get("fieldSelector"), resource.get("labelSelector"))
    version = resource.get("version") or "*"
    return Attributes(user, resource.get("verb") or "", version=version, selectors=selectors, **values)


def _resource_rule(rule: Rule) -> Object:
    tree: Object = {"verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources)}
    return tree | ({"resourceNames": list(rule.names)} if rule.names else {})
