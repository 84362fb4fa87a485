"""ValidatingAdmissionWebhook: all webhooks that a request concerns are asked at once; one no is enough.

Upstream: k8s.io/apiserver/pkg/admission/plugin/webhook/validating/dispatcher.go.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.dynamic.rules import Place
from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.apiserver.admission.webhook.calling import CallFailed, Denied, Tally, ask
from sampan.apiserver.admission.webhook.hooks import VALIDATING, Hook, Hooks, invoked
from sampan.apiserver.services import Services
from sampan.kinds.admissionregistration.validating_webhook_configuration import KIND
from sampan.machinery.errors import APIError

log = logging.getLogger(__name__)

_AT_ONCE = 32  # webhooks that one request asks at the same time
_FAILED_OPEN = "failed-open.validation.webhook.admission.k8s.io"


class ValidatingWebhooks:
    """The plugin; one for a server."""

    def __init__(self) -> None:
        self._hooks = Hooks(KIND, VALIDATING)

    def validate(self, services: Services, admission: Admission) -> Awaitable[None] | None:
        """Ask the webhooks; raises what the first one says that refuses."""
        hooks = self._hooks.concerning(services, admission)
        return _validate(hooks, Versions(services, admission)) if hooks else None


async def _validate(hooks: Sequence[Hook], versions: Versions) -> None:
    concerned: list[tuple[Hook, Place]] = []
    for hook in hooks:
        if place := await invoked(hook, versions):
            await versions.encoded(place)  # once, before the calls that share it
            concerned.append((hook, place))
    if not concerned:
        return
    limit = asyncio.Semaphore(_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(_ask(hook, versions, place, index, limit))
            for index, (hook, place) in enumerate(concerned)
        ]
    for call in calls:
        if error := call.result():
            raise error


async def _ask(hook: Hook, versions: Versions, place: Place, index: int, limit: asyncio.Semaphore) -> APIError | None:
    async with limit:
        tally = Tally(hook, versions)
        try:
            await ask(hook, versions, place)
        except Denied as error:
            return tally.denied(error)
        except APIError as error:
            tally.broken()
            return error
        except CallFailed as error:
            told = tally.failed(error)
            if told is None:
                log.warning("failed calling webhook, failing open: %s", error)
                versions.admission.audit[f"{_FAILED_OPEN}/round_0_index_{index}"] = hook.name
            return told
        tally.allowed()
        return None
