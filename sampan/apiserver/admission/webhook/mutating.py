"""MutatingAdmissionWebhook: the webhooks that a request concerns, one after the other; each sees what the last one did.

Where an object was changed, plugins have a second round; in it, only webhooks are asked that want that
(reinvocationPolicy) and after which something changed. Upstream:
k8s.io/apiserver/pkg/admission/plugin/webhook/mutating (dispatcher.go, reinvocationcontext.go).
"""

import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.dynamic.reinvocation import Rounds
from sampan.apiserver.admission.dynamic.rules import Place
from sampan.apiserver.admission.dynamic.versions import Versions, internal
from sampan.apiserver.admission.webhook.calling import CallFailed, Denied, Tally, ask
from sampan.apiserver.admission.webhook.hooks import MUTATING, Hook, Hooks, invoked
from sampan.apiserver.admission.webhook.review import Response
from sampan.apiserver.audit.level import Level
from sampan.apiserver.services import Services
from sampan.kinds.admissionregistration.mutating_webhook_configuration import KIND
from sampan.machinery.errors import APIError
from sampan.machinery.patches import json_patch
from sampan.machinery.tree import deep_copy

log = logging.getLogger(__name__)

_NAME = "MutatingAdmissionWebhook"
_FAILED_OPEN = "failed-open.mutation.webhook.admission.k8s.io"
_PATCH, _MUTATION = "patch.webhook.admission.k8s.io", "mutation.webhook.admission.k8s.io"


class MutatingWebhooks:
    """The plugin; one for a server."""

    def __init__(self) -> None:
        self._hooks = Hooks(KIND, MUTATING)

    def mutate(self, services: Services, admission: Admission) -> Awaitable[None] | None:
        """Ask the webhooks; raises what the first one says that refuses."""
        hooks = self._hooks.concerning(services, admission)
        return _mutate(hooks, Versions(services, admission)) if hooks else None


async def _mutate(hooks: Sequence[Hook], versions: Versions) -> None:
    admission = versions.admission
    rounds: Rounds = admission.memory.setdefault(_NAME, Rounds())
    rounds.begin(admission)
    for index, hook in enumerate(hooks):
        place = await invoked(hook, versions)
        if place is None or not rounds.takes_part(admission, hook.uid):
            continue
        changed = await _Invocation(hook, versions, place, index).run()
        if changed:
            rounds.changed(admission)
        if hook.tree.get("reinvocationPolicy") == "IfNeeded":
            rounds.asked.add(hook.uid)
    rounds.end(admission)


@dataclass(slots=True)
class _Invocation:
    """One webhook's turn."""

    hook: Hook
    versions: Versions
    place: Place
    index: int

    async def run(self) -> bool:
        """Whether the object has changed. Raises APIError."""
        tally = Tally(self.hook, self.versions)
        changed = False
        try:
            changed = await self._apply(await ask(self.hook, self.versions, self.place))
            tally.allowed()
        except Denied as error:
            raise tally.denied(error) from error
        except APIError:
            tally.broken()
            raise
        except CallFailed as error:
            if told := tally.failed(error):
                raise told from error
            log.warning("failed calling webhook, failing open: %s", error)
            self._annotate(_FAILED_OPEN, self.hook.name)
        finally:
            self._annotate(_MUTATION, self._told(mutated=changed))
        return changed

    async def _apply(self, response: Response) -> bool:
        operations = self._operations(response)
        if not operations:
            return False
        current = (await self.versions.pair(self.place)).obj
        if current is None:
            why = "attempted to modify the object, which is not supported for this operation"
            raise internal(f'admission webhook "{self.hook.name}" {why}')
        if response.patch_type != "JSONPatch":
            raise CallFailed(self.hook.name, f'unsupported patch type "{response.patch_type}"')
        try:
            changed = await self.versions.put(self.place, json_patch(deep_copy(current), operations))
        except APIError as error:
            raise internal(error.message) from error
        audit, told = self.versions.admission.audit, self._told(patch=operations, patchType="JSONPatch")
        audit.note(self._key(_PATCH), told, Level.REQUEST)
        return changed

    def _operations(self, response: Response) -> Any:
        if not response.patch:
            return None
        try:
            operations = orjson.loads(response.patch)
        except orjson.JSONDecodeError as error:
            raise self._undecodable(str(error)) from error
        if operations is not None and not isinstance(operations, list):
            raise self._undecodable(f"{type(operations).__name__} is no list of operations")
        return operations

    def _undecodable(self, why: str) -> CallFailed:
        return CallFailed(self.hook.name, f"received undecodable patch in webhook response: {why}")

    def _told(self, **more: Any) -> str:
        return orjson.dumps({"configuration": self.hook.configuration, "webhook": self.hook.name, **more}).decode()

    def _annotate(self, domain: str, text: str) -> None:
        self.versions.admission.audit[self._key(domain)] = text

    def _key(self, domain: str) -> str:
        return f"{domain}/round_{int(self.versions.admission.reinvoking)}_index_{self.index}"
