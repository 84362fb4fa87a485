"""The variable `authorizer` of expressions: what the requester, or a service account, may do.

Decisions come from memory. An expression that is evaluated beside the event loop has its questions answered in it.
Upstream: k8s.io/apiserver/pkg/cel/library/authz.go.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.authentication.user import User, service_account
from sampan.apiserver.authorization import node
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.services import Services
from sampan.kinds.core.pod import KIND as POD

if TYPE_CHECKING:
    from sampan.machinery.cel.library.authorizer import Answer, Question


def authorizer_variables(services: Services, admission: Admission) -> dict[str, Any]:
    """`authorizer` and `authorizer.requestResource` for a request."""
    from sampan.machinery.cel.library.authorizer import Authorizer, request_resource

    authorizer = Authorizer(_ask(services, admission.user, asyncio.get_running_loop()))
    version, kind = admission.served.version, admission.kind
    attributes = {"group": version.group, "resource": kind.plural, "subresource": admission.subresource}
    attributes |= {"namespace": admission.namespace, "name": admission.name}
    return {"authorizer": authorizer, "authorizer.requestResource": request_resource(authorizer, attributes)}


def _ask(services: Services, user: User, loop: asyncio.AbstractEventLoop) -> Any:
    def here(question: "Question") -> "Answer":
        return _answer(services, user, question)

    async def later(question: "Question") -> "Answer":
        return here(question)

    def ask(question: "Question") -> "Answer":
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # in a thread
            return asyncio.run_coroutine_threadsafe(later(question), loop).result()
        return here(question)

    return ask


def _answer(services: Services, user: User, question: "Question") -> "Answer":
    from sampan.machinery.cel.library.authorizer import Answer

    attributes = _attributes(user, question)
    decision = services.rbac.authorize(attributes)
    refusal = node.refusal(attributes, partial(services.all, POD)) if decision.allowed else ""
    return Answer(decision.allowed and not refusal, refusal or decision.reason)


def _attributes(user: User, question: "Question") -> Attributes:
    if question.service_account:
        user = service_account(*question.service_account)
    if question.path:
        return Attributes(user, question.verb, False, path=question.path)
    return Attributes(
        user,
        question.verb,
        True,
        question.namespace,
        question.group,
        "*",
        question.resource,
        question.subresource,
        question.name,
    )
