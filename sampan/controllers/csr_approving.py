"""Approves requests of kubelets for their certificates as clients, where RBAC lets who asks have one.

A node that joins asks with a bootstrap token, and needs `create` on certificatesigningrequests/nodeclient; a node that
renews its own certificate needs it on selfnodeclient. Everything else is for people to decide. Rule: docs, "TLS
bootstrapping"; upstream's pkg/controller/certificates/approver.
"""

import base64
from collections.abc import Iterator

from sampan.kinds.authorization.subject_access_review import KIND as REVIEW
from sampan.kinds.certificates import pkcs10
from sampan.kinds.certificates.certificate_signing_request import KIND as REQUEST
from sampan.kinds.certificates.kubelet_requests import client_error
from sampan.kinds.certificates.request_rules import APPROVAL, APPROVED, DENIED, certificate_of, conditions_of
from sampan.kinds.certificates.signer_names import KUBELET_CLIENT
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, parse_time
from sampan.machinery.tree import with_changes
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller

_LONGEST_WAIT = 1000.0  # seconds
_MESSAGES = {
    "selfnodeclient": "Auto approving self kubelet client certificate after SubjectAccessReview.",
    "nodeclient": "Auto approving kubelet client certificate after SubjectAccessReview.",
}


def permissions(request: Object) -> Iterator[str]:
    """By which subresources a request may be approved, each with a permission of its own."""
    spec = request["spec"]
    if spec.get("signerName") != KUBELET_CLIENT or certificate_of(request):
        return
    if conditions_of(request, APPROVED) or conditions_of(request, DENIED):
        return
    parsed = pkcs10.parse_pem(base64.b64decode(spec["request"]))
    if client_error(parsed, spec.get("usages") or []):
        return
    if spec.get("username") == parsed.common_name:
        yield "selfnodeclient"
    yield "nodeclient"


def review(request: Object, subresource: str) -> Object:
    """The question whether who asked may have this."""
    asked = {"group": REQUEST.group, "version": "*", "resource": REQUEST.plural, "subresource": subresource}
    spec = {"user": request["spec"].get("username") or "", "resourceAttributes": asked | {"verb": "create"}}
    spec |= {field: request["spec"][field] for field in ("uid", "groups", "extra") if request["spec"].get(field)}
    return {"apiVersion": REVIEW.api_version, "kind": REVIEW.name, "metadata": {}, "spec": spec}


class ApprovingController(Controller):
    """One key per request."""

    name = "certificatesigningrequest-approving-controller"
    account = "certificate-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.requests = self.watch(REQUEST)

    async def reconcile(self, key: Key) -> Action:
        request = self.requests.get(key)
        tried = list(permissions(request)) if request else []
        if request is None or not tried:
            return WAIT
        for subresource in tried:
            answer = await self.client.create(REVIEW, review(request, subresource))
            if answer["status"].get("allowed"):
                await self._approve(request, _MESSAGES[subresource])
                return WAIT
        return after(self._patience(request))

    async def _approve(self, request: Object, message: str) -> None:
        approved = {"type": APPROVED, "status": "True", "reason": "AutoApproved", "message": message}
        changed = with_changes(request, {("status", "conditions"): [*conditions_of(request), approved]})
        try:
            await self.client.update(REQUEST, changed, subresource=APPROVAL)
        except NotFound:
            return

    def _patience(self, request: Object) -> float:
        """Rights may yet be given; we ask again after as long as the request has waited already."""
        age = (self.clock.now() - parse_time(request["metadata"]["creationTimestamp"])).total_seconds()
        return min(max(age, 1.0), _LONGEST_WAIT)


CONTROLLER = ApprovingController
