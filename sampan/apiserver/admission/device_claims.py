"""ResourceClaims: who may have access to devices as an administrator, and who may write which part of a claim's status.

Upstream has these checks in the registry of the kind (pkg/registry/resource; KEP-5018, KEP-4817); here they are a
plugin like the others. They find fault with fields, so that the answer is 422.
"""

from collections.abc import AsyncIterator, Iterable, Sequence

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import name_of
from sampan.apiserver.authentication.user import User, split_service_account
from sampan.apiserver.authorization.attributes import Attributes, forbidden, of_request
from sampan.apiserver.services import Services
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.resource.allocation import device_id
from sampan.machinery.errors import FieldError, Invalid
from sampan.machinery.meta import Object, labels_of
from sampan.machinery.paths import Path
from sampan.machinery.paths import forbidden as field_forbidden
from sampan.machinery.tree import get_path, semantic_equal

_LABEL = "resource.kubernetes.io/admin-access"
_NODE_NAME = "authentication.kubernetes.io/node-name"
_STATUS = Path("status")


def check_claim(services: Services, admission: Admission) -> None:
    """A new claim or template of claims; raises Invalid."""
    spec = admission.new["spec"]
    if admission.kind.name == "ResourceClaimTemplate":
        spec = spec.get("spec") or {}
    asked = [request.get("exactly") or {} for request in get_path(spec, ("devices", "requests")) or ()]
    _refuse(admission, _administrator(services, admission, asked, Path("spec.devices.requests")))


async def check_status(services: Services, admission: Admission) -> None:
    """A change of a claim's status; raises Invalid."""
    new, old = (((obj or {}).get("status") or {}) for obj in (admission.new, admission.old))
    _refuse(admission, [error async for error in _status_errors(services, admission, new, old)])


def _refuse(admission: Admission, errors: Iterable[FieldError]) -> None:
    if found := list(errors):
        raise Invalid.of(admission.kind.name, admission.kind.group, name_of(admission), found)


async def _status_errors(
    services: Services, admission: Admission, new: Object, old: Object
) -> AsyncIterator[FieldError]:
    allocation = new.get("allocation") or {}
    results, before = (get_path(s, ("allocation", "devices", "results")) or [] for s in (new, old))
    if not any(result.get("adminAccess") for result in before):
        path = _STATUS.child("allocation", "devices", "results")
        for error in _administrator(services, admission, results, path):
            yield error
    if not all(semantic_equal(new.get(field), old.get(field)) for field in ("allocation", "reservedFor")):
        async for error in _binding(services, admission):
            yield error
    if allocation:
        async for error in _drivers(services, admission, new, old):
            yield error


def _administrator(services: Services, admission: Admission, asked: Sequence[Object], path: Path) -> list[FieldError]:
    """Access to devices that others have is for namespaces with a label."""
    index = next((index for index, one in enumerate(asked) if one.get("adminAccess")), None)
    if index is None:
        return []
    namespace = services.find(NAMESPACE, "", admission.namespace)
    if namespace is not None and labels_of(namespace).get(_LABEL) == "true":
        return []
    detail = f"admin access to devices requires the `{_LABEL}: true` label on the containing namespace"
    return [field_forbidden(path.index(index).child("adminAccess"), detail)]


async def _binding(services: Services, admission: Admission) -> AsyncIterator[FieldError]:
    question = _question(admission, "binding", admission.call.info.verb, "", "")
    if why := await _refusal(services, question):
        detail = (
            "changing status.allocation or status.reservedFor requires "
            f'resource="resourceclaims/binding", verb="{question.verb}" permission: {why}'
        )
        yield field_forbidden(_STATUS.child("allocation"), detail)


async def _drivers(services: Services, admission: Admission, new: Object, old: Object) -> AsyncIterator[FieldError]:
    """What is told of a driver's devices is the driver's to tell: from the claim's node, or from anywhere."""
    verb = admission.call.info.verb
    verbs = [f"associated-node:{verb}"] if _on_node(admission.user, new.get("allocation") or {}) else []
    verbs.append(f"arbitrary-node:{verb}")
    for driver in sorted(_changed_drivers(new, old)):
        questions = [_question(admission, "driver", v, admission.namespace, driver) for v in verbs]
        refusals = [await _refusal(services, question) for question in questions]
        if all(refusals):
            detail = (
                'changing status.devices requires resource="resourceclaims/driver", '
                f'verb="[{" ".join(verbs)}]" permission: {refusals[0]}'
            )
            yield field_forbidden(_STATUS.child("devices"), detail)


def _changed_drivers(new: Object, old: Object) -> set[str]:
    now, then = ({device_id(device): device for device in status.get("devices") or ()} for status in (new, old))
    keys = now.keys() | then.keys()
    return {key[0] for key in keys if not semantic_equal(now.get(key), then.get(key))}


def _on_node(user: User, allocation: Object) -> bool:
    """Whether the user is a ServiceAccount on the one node that the claim is for."""
    terms = get_path(allocation, ("nodeSelector", "nodeSelectorTerms")) or []
    fields = terms[0].get("matchFields") or [] if len(terms) == 1 and not terms[0].get("matchExpressions") else []
    if len(fields) != 1 or split_service_account(user.name) is None:
        return False
    (field,) = fields
    named = (field.get("key"), field.get("operator")) == ("metadata.name", "In")
    return named and len(field.get("values") or ()) == 1 and user.extra.get(_NODE_NAME, ()) == (field["values"][0],)


def _question(admission: Admission, subresource: str, verb: str, namespace: str, name: str) -> Attributes:
    asked = of_request(admission.user, admission.call.info)
    return asked._replace(subresource=subresource, verb=verb, namespace=namespace, name=name)


async def _refusal(services: Services, question: Attributes) -> str:
    return "" if await services.authorizers.allows(question) else forbidden(question).message
