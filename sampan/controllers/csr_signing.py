"""Signs approved CertificateSigningRequests for the signers that Kubernetes has itself.

All of them sign with the cluster's authority; what each takes is in csr_sign.py. A request that its signer does not
take fails, for good. Rule: docs, "Certificates and Certificate Signing Requests"; upstream's
pkg/controller/certificates/signer.
"""

import base64
from datetime import timedelta

from sampan.controllers.config import ControllerContext
from sampan.controllers.csr_sign import Authority, SigningError, refusal, sign
from sampan.kinds.certificates import pkcs10
from sampan.kinds.certificates.certificate_signing_request import KIND as REQUEST
from sampan.kinds.certificates.request_rules import APPROVED, DENIED, FAILED, certificate_of, conditions_of
from sampan.kinds.certificates.signer_names import API_SERVER_CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY_UNKNOWN
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, format_time
from sampan.machinery.tree import with_changes
from sampan.reconcile.action import WAIT, Action, TerminalError
from sampan.reconcile.controller import Controller

_OURS = frozenset((API_SERVER_CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY_UNKNOWN))
_CONDITIONS = ("status", "conditions")


def waits_for_us(request: Object) -> bool:
    """Whether a request is approved, for a signer of Kubernetes, and neither signed nor failed."""
    types = {one["type"] for one in conditions_of(request) if one.get("status") == "True" or one["type"] != FAILED}
    decided = APPROVED in types and DENIED not in types and FAILED not in types
    return decided and request["spec"].get("signerName") in _OURS and not certificate_of(request)


class SigningController(Controller):
    """One key per request. Without an authority it signs nothing."""

    name = "certificatesigningrequest-signing-controller"
    account = "certificate-controller"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.requests = self.watch(REQUEST)
        config, longest = context.config, timedelta(seconds=context.config.cluster_signing_duration)
        certificate, key = config.cluster_signing_cert, config.cluster_signing_key
        self.authority = Authority.load(certificate, key, longest) if certificate and key else None

    async def reconcile(self, key: Key) -> Action:
        request = self.requests.get(key)
        if request is None or self.authority is None or not waits_for_us(request):
            return WAIT
        try:
            await self.client.update(REQUEST, self._answered(request, self.authority), subresource="status")
        except NotFound:
            return WAIT
        return WAIT

    def _answered(self, request: Object, authority: Authority) -> Object:
        """The request with its certificate, or with the reason why it gets none."""
        spec, now = request["spec"], self.clock.now()
        usages, parsed = spec.get("usages") or [], pkcs10.parse_pem(base64.b64decode(spec["request"]))
        if wrong := refusal(spec["signerName"], parsed, usages):
            failed = {"type": FAILED, "status": "True", "reason": "SignerValidationFailure", "message": wrong}
            conditions = [*conditions_of(request), failed | {"lastUpdateTime": format_time(now)}]
            return with_changes(request, {_CONDITIONS: conditions})
        try:
            chain = sign(authority, parsed, usages, spec.get("expirationSeconds"), now)
        except SigningError as error:  # neither the request nor our authority will change
            raise TerminalError(f"error auto signing csr: {error}") from error
        return with_changes(request, {("status", "certificate"): base64.b64encode(chain).decode()})


CONTROLLER = SigningController
