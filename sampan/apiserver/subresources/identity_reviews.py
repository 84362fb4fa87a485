"""TokenReview and SelfSubjectReview: who a token, or the caller, is (authentication.k8s.io)."""

from sampan.apiserver.admission.foreign import admitted_review
from sampan.apiserver.authentication.attempt import Attempt, Refused
from sampan.apiserver.authentication.user import user_info
from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_object
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services
from sampan.machinery.errors import BadRequest
from sampan.machinery.meta import format_time


async def token_review(services: Services, call: Call) -> Tree:
    """Whether a token is good, for whom, and for which audiences."""
    options = write_options(call.query, "CreateOptions")
    sent = await beside(is_large(call), read_object, call, options.validation)
    review = await admitted_review(services, call, sent, options)
    spec = review.setdefault("spec", {})
    token = spec.get("token") or ""
    if not token:
        raise BadRequest("token is required for TokenReview in authentication")
    asked = spec.get("audiences") or services.authenticator.audiences
    try:
        verified = await services.authenticator.review(token, Attempt(call.now, asked, call.warnings, call.audit))
    except Refused as error:
        review["status"] = {"user": {}, "error": str(error)}
    else:
        user, audiences = user_info(verified.user), list(verified.audiences)
        review["status"] = {"authenticated": True, "user": user, "audiences": audiences}
    return Tree(review, 201, stored=True)


async def self_subject_review(services: Services, call: Call) -> Tree:
    """Who the caller is."""
    options = write_options(call.query, "CreateOptions")
    sent = await beside(is_large(call), read_object, call, options.validation)
    review = await admitted_review(services, call, sent, options)
    review["metadata"] = {"creationTimestamp": format_time(call.now)}
    review["status"] = {"userInfo": user_info(call.user)}
    return Tree(review, 201, stored=True)
