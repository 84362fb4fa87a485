"""podcertificaterequests/status: the answer of a signer, from whoever may sign for it.

Unlike for CertificateSigningRequests, the right to sign is asked here and not in admission, so that refusals are fields
of an invalid object. Rule: k8s.io/kubernetes/pkg/registry/certificates/podcertificaterequest (StatusStrategy).
"""

from sampan.apiserver.authorization.signers import may
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.services import Services
from sampan.apiserver.subresources.subresource import Subresource
from sampan.apiserver.verbs.get import current, get
from sampan.apiserver.verbs.patch import patch_part
from sampan.apiserver.verbs.update import update_part
from sampan.apiserver.writes.write import Part, prepare_status
from sampan.kinds.certificates.pod_certificate_status import validate_status_update
from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.tree import semantic_equal
from sampan.machinery.validation import forbidden


async def _update(services: Services, call: Call) -> One | Tree:
    return await update_part(services, call, await _part(services, call))


async def _patch(services: Services, call: Call) -> One | Tree:
    return await patch_part(services, call, await _part(services, call))


async def _part(services: Services, call: Call) -> Part:
    signer = current(services, call).object["spec"]["signerName"]  # which no update can change
    permitted = await may(services, call.user, "sign", signer)

    def validate(call: Call, new: Object, old: Object) -> Errors:
        if errors := list(validate_status_update(new, old, call.now)):
            yield from errors
            return
        if not permitted and not semantic_equal(new.get("status"), old.get("status")):
            detail = f'User "{call.user.name}" is not permitted to "sign" for signer "{signer}"'
            yield forbidden("spec.signerName", detail)

    return Part(subresource="status", prepare=prepare_status, validate=validate)


STATUS = Subresource({"get": get, "patch": _patch, "update": _update})
