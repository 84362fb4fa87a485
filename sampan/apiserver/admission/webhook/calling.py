"""One call of one webhook: the review there, the answer back, and what both mean for metrics, warnings and audit.

A call fails (CallFailed, which failurePolicy may ignore), or is answered by a yes or a no (Denied). Upstream:
k8s.io/apiserver/pkg/admission/plugin/webhook (mutating and validating dispatcher.go).
"""

import logging
from collections.abc import Iterator
from time import perf_counter
from uuid import uuid4

from sampan.apiserver.admission.dynamic.request import request_tree
from sampan.apiserver.admission.dynamic.rules import Place
from sampan.apiserver.admission.dynamic.versions import Versions, internal
from sampan.apiserver.admission.webhook.hooks import MUTATING, VALIDATING, Hook
from sampan.apiserver.admission.webhook.review import (
    BadResponse,
    Response,
    read_response,
    refusal,
    review_body,
    review_version,
)
from sampan.apiserver.webhooks.client import WebhookFailed
from sampan.machinery.errors import APIError, BadRequest
from sampan.machinery.names import qualified_name

log = logging.getLogger(__name__)

_TRACKERS = {MUTATING: "mutating-webhook", VALIDATING: "validating-webhook"}
_TIMEOUT = 10  # seconds
_UNAVAILABLE = 503  # the code that metrics show for a webhook that cannot be asked
_NO_VERSION = "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)"


class CallFailed(Exception):
    """A webhook could not be asked; str() is the whole sentence."""

    def __init__(self, name: str, why: str, code: int = _UNAVAILABLE) -> None:
        super().__init__(f'failed calling webhook "{name}": {why}')
        self.code = code


class Denied(Exception):
    """A webhook said no."""

    def __init__(self, error: APIError) -> None:
        super().__init__(error.message)
        self.error = error


async def ask(hook: Hook, versions: Versions, place: Place) -> Response:
    """The answer of a webhook that allows the request. Raises CallFailed, Denied, APIError."""
    admission, tree = versions.admission, hook.tree
    if admission.dry_run and tree.get("sideEffects") not in ("None", "NoneOnDryRun"):
        raise BadRequest(f'admission webhook "{hook.name}" does not support dry run')
    version, uid = review_version(tree.get("admissionReviewVersions") or ()), str(uuid4())
    if not version:
        raise CallFailed(hook.name, _NO_VERSION, 400)
    body = review_body(version, uid, request_tree(versions, place), await versions.encoded(place))
    seconds = tree.get("timeoutSeconds") or _TIMEOUT
    try:
        client, config = versions.services.webhooks, tree["clientConfig"]
        posted = client.post(config, body, timeout=seconds, query=f"timeout={seconds}s")
        answer = await admission.audit.timed(_TRACKERS[hook.type], posted)
        response = read_response(answer, version, uid, mutating=hook.type == MUTATING)
    except WebhookFailed as error:
        raise CallFailed(hook.name, f"failed to call webhook: {error}") from error
    except BadResponse as error:
        raise CallFailed(hook.name, str(error)) from error
    admission.audit.update(_annotations(hook, response))
    admission.warnings.extend(response.warnings)
    if not response.allowed:
        raise Denied(refusal(hook.name, response.result))
    return response


def _annotations(hook: Hook, response: Response) -> Iterator[tuple[str, str]]:
    """What the webhook notes for the audit log, as far as its keys can be some."""
    for key, text in response.annotations.items():
        if wrong := qualified_name(f"{hook.name}/{key}"):
            log.warning('annotation "%s" of webhook "%s" is dropped: %s', key, hook.name, ", ".join(wrong))
        else:
            yield f"{hook.name}/{key}", text


class Tally:
    """Counts one call, however it ends, and turns its errors into what the client is told."""

    def __init__(self, hook: Hook, versions: Versions) -> None:
        self._hook, self._operation = hook, versions.admission.operation
        self._metrics = versions.services.admission_metrics
        self._start = perf_counter()

    def allowed(self) -> None:
        """The webhook had nothing against it."""
        self._called(200, rejected=False)

    def failed(self, error: CallFailed) -> APIError | None:
        """The error for the client; None where failures are ignored."""
        ignored = self._hook.ignores_failures
        self._called(error.code, rejected=not ignored)
        if ignored:
            self._metrics.failed_open(self._hook.name, self._hook.type)
            return None
        self._rejected("calling_webhook_error", error.code)
        return internal(str(error))

    def denied(self, error: Denied) -> APIError:
        """The same for a no."""
        code = error.error.status_code
        self._called(code, rejected=True)
        self._rejected("no_error", code)
        return error.error

    def broken(self) -> None:
        """The server itself could not do its part."""
        self._called(0, rejected=True)
        self._rejected("apiserver_internal_error", 0)

    def _called(self, code: int, *, rejected: bool) -> None:
        seconds = perf_counter() - self._start
        hook = self._hook
        self._metrics.called(hook.name, hook.type, self._operation, code=code, rejected=rejected, seconds=seconds)

    def _rejected(self, error_type: str, code: int) -> None:
        self._metrics.rejected(self._hook.name, self._hook.type, self._operation, error_type, code)
