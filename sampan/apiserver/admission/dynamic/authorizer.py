"""The variable `authorizer` of expressions: what the requester, or a service account, may do.

Decisions come from memory, if the authorizers have it. An expression that is evaluated beside the event loop has its
questions answered in it; one that is evaluated in the loop, and asks what only a webhook knows, starts again beside it.
Upstream: k8s.io/apiserver/pkg/cel/library/authz.go.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.authentication.user import User, service_account
from sampan.apiserver.authorization.attributes import Attributes, Decision
from sampan.apiserver.authorization.selectors import of_query
from sampan.apiserver.services import Services
from sampan.machinery.cel.errors import BudgetExceeded

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
    def here(attributes: Attributes) -> Decision:
        if (decision := services.authorizers.at_once(attributes)) is None:
            raise BudgetExceeded(0)
        return decision

    def ask(question: "Question") -> "Answer":
        attributes = _attributes(user, question)
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # in a thread
            waiting = services.authorizers.ask(attributes)
            return _answer(asyncio.run_coroutine_threadsafe(waiting, loop).result())
        return _answer(here(attributes))

    return ask


def _answer(decision: Decision) -> "Answer":
    from sampan.machinery.cel.library.authorizer import Answer

    return Answer(decision.allowed, decision.reason, decision.error or None)


def _attributes(user: User, question: "Question") -> Attributes:
    if question.service_account:
        user = service_account(*question.service_account)
    if question.path:
        return Attributes(user, question.verb, False, path=question.path)
    resource = (question.group, "*", question.resource, question.subresource, question.name)
    selectors = of_query(question.field_selector, question.label_selector)
    return Attributes(user, question.verb, True, question.namespace, *resource, selectors=selectors)
