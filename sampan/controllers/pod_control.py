"""Creating pods from a template and deleting them, with the events that tell of it. Used by every workload controller.

Event reasons and messages: upstream's controller.RealPodControl.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from sampan.client.api import Client
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery import names
from sampan.machinery.errors import APIError, NotFound, namespace_terminates
from sampan.machinery.meta import Object, controller_ref, key_of
from sampan.reconcile.events import NORMAL, WARNING, EventRecorder

log = logging.getLogger(__name__)

BURST = 500  # pods that one reconciliation creates or deletes at most


def pod_from_template(template: Object, owner: Object, namespace: str) -> Object:
    """The pod of a template, controlled by `owner`, to be named by the API server."""
    meta = template.get("metadata") or {}
    copied = {name: meta[name] for name in ("labels", "annotations", "finalizers") if meta.get(name)}
    return {
        "apiVersion": POD.api_version,
        "kind": POD.name,
        "metadata": {
            "generateName": _prefix(owner["metadata"]["name"]),
            "namespace": namespace,
            **copied,
            "ownerReferences": [controller_ref(owner)],
        },
        "spec": template["spec"],
    }


def _prefix(owner: str) -> str:
    """The owner's name and a dash; without the dash where the two make no valid start of a name."""
    return f"{owner}-" if not names.dns_subdomain(f"{owner}-a") else owner


class PodControl:
    """Creates and deletes pods on behalf of owners, and records it on them."""

    def __init__(self, client: Client, recorder: EventRecorder) -> None:
        self._client = client
        self._recorder = recorder

    async def create(self, pod: Object, owner: Object) -> Object:
        """Create; raises what the API answers."""
        try:
            made = await self._client.create(POD, pod)
        except APIError as error:
            if not namespace_terminates(error):
                self._recorder.event(owner, WARNING, "FailedCreate", f"Error creating: {error}")
            raise
        self._recorder.event(owner, NORMAL, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        return made

    async def delete(self, pod: Object, owner: Object) -> None:
        """Delete that very pod; one that is gone already is fine. Raises what else the API answers."""
        key = key_of(pod)
        try:
            await self._client.delete(POD, key.name, key.namespace, uid=pod["metadata"]["uid"])
        except NotFound:
            log.debug("%s is gone already", key)
            return
        except APIError as error:
            self._recorder.event(owner, WARNING, "FailedDelete", f"Error deleting: {error}")
            raise
        self._recorder.event(owner, NORMAL, "SuccessfulDelete", f"Deleted pod: {key.name}")


async def slow_start(number: int, attempt: Callable[[], Awaitable[None]]) -> None:
    """Make `number` attempts in batches of 1, 2, 4 and so on, and stop after the first batch in which one failed.

    So a thousand pods that cannot be created cost one failing request, not a thousand. Raises the first failure.
    """
    done, batch = 0, 1
    while done < number:
        batch = min(batch, number - done)
        await at_once(attempt() for _ in range(batch))
        done += batch
        batch *= 2


async def at_once(attempts: Iterable[Awaitable[None]]) -> None:
    """Wait for all attempts; then raise the first failure, if any."""
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
