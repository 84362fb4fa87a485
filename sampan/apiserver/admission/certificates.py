"""CertificateApproval, CertificateSigning, CertificateSubjectRestriction, ClusterTrustBundleAttest.

Access to the objects is not enough: who approves, signs or attests needs permission for the signer in whose name it is
done. The signer is that of the stored request, as no update can change it. Texts:
k8s.io/kubernetes/plugin/pkg/admission/certificates.
"""

import base64

from sampan.apiserver.admission.attributes import UPDATE, Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.authentication.user import GROUP_MASTERS
from sampan.apiserver.authorization.signers import may
from sampan.apiserver.services import Services
from sampan.kinds.certificates import pkcs10
from sampan.kinds.certificates.cluster_trust_bundle import signer_of
from sampan.kinds.certificates.request_rules import certificate_of, conditions_of
from sampan.kinds.certificates.signer_names import API_SERVER_CLIENT
from sampan.machinery.meta import Object
from sampan.machinery.tree import semantic_equal

_GROUP = "certificates.k8s.io"
REQUESTS = frozenset({(_GROUP, "certificatesigningrequests")})
APPROVALS = frozenset({(_GROUP, "certificatesigningrequests/approval")})
STATUSES = frozenset({(_GROUP, "certificatesigningrequests/status")})
BUNDLES = frozenset({(_GROUP, "clustertrustbundles")})
_OF_COLLECTION = ("ownerReferences", "finalizers", "managedFields", "resourceVersion")


async def check_approval(services: Services, admission: Admission) -> None:
    """Raises Forbidden unless the user may approve for the signer; denying is approving, too."""
    signer = signer_of(admission.old or {})
    if not await may(services, admission.user, "approve", signer):
        raise forbidden(admission, f'user not permitted to approve requests with signerName "{signer}"')


async def check_signing(services: Services, admission: Admission) -> None:
    """Raises Forbidden unless the user may sign for the signer, where certificate or conditions change."""
    new, old = admission.new, admission.old or {}
    if certificate_of(new) == certificate_of(old) and semantic_equal(conditions_of(new), conditions_of(old)):
        return
    signer = signer_of(old)
    if not await may(services, admission.user, "sign", signer):
        raise forbidden(admission, f'user not permitted to sign requests with signerName "{signer}"')


def check_subject(services: Services, admission: Admission) -> None:
    """Raises Forbidden for a client certificate that could do everything, and could not be taken back."""
    spec = admission.new["spec"]
    if spec.get("signerName") != API_SERVER_CLIENT:
        return
    try:
        request = pkcs10.parse_pem(base64.b64decode(spec.get("request") or ""))
    except ValueError as error:
        raise forbidden(admission, f"failed to parse CSR: {error}") from None
    if GROUP_MASTERS in request.organizations:
        raise forbidden(admission, f"use of {API_SERVER_CLIENT} signer with {GROUP_MASTERS} group is not allowed")


async def check_attest(services: Services, admission: Admission) -> None:
    """Raises Forbidden unless the user may say whom to trust in the name of the signer."""
    signer = signer_of(admission.new)
    if not signer or (admission.operation == UPDATE and _says_the_same(admission.new, admission.old or {})):
        return
    if not await may(services, admission.user, "attest", signer):
        raise forbidden(admission, f'user not permitted to attest for signerName "{signer}"')


def _says_the_same(new: Object, old: Object) -> bool:
    """Whether an update changes nothing but what garbage collection and migration change."""
    after, before = (one | {"metadata": _said(one["metadata"])} for one in (new, old))
    return semantic_equal(after, before)


def _said(meta: Object) -> Object:
    return {field: value for field, value in meta.items() if field not in _OF_COLLECTION}
