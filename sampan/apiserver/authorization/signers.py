"""Whether a user may approve, sign or attest for a signer; permission for `domain/*` covers all of a domain.

Asked by admission and by the status of PodCertificateRequests. Rule: docs, "Certificates and Certificate Signing
Requests", Authorization; k8s.io/kubernetes/pkg/certauthorization.
"""

from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.services import Services


async def may(services: Services, user: User, verb: str, signer: str) -> bool:
    """Whether authorization lets the user do this in the name of the signer."""
    question = Attributes(user, verb, group="certificates.k8s.io", version="*", resource="signers", name=signer)
    anything = question._replace(name=signer.partition("/")[0] + "/*")
    return await services.authorizers.allows(question) or await services.authorizers.allows(anything)
