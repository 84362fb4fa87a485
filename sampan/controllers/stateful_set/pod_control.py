"""Writing the pods of a StatefulSet and their claims, with the events that tell of it. Called by controller.py.

Event reasons and messages: upstream's StatefulPodControl.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sampan.client.api import Client
from sampan.client.informer import Informer
from sampan.controllers.stateful_set.claims import claims_for, has_other_controller, kept
from sampan.controllers.stateful_set.pods import is_sound, mended, ordinal_of
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import AlreadyExists, APIError, Conflict, NotFound
from sampan.machinery.meta import Object, is_deleting, key_of
from sampan.reconcile.events import NORMAL, WARNING, EventRecorder


class StatefulPodControl:
    """Raises what the API answers, once it has been told."""

    def __init__(self, client: Client, recorder: EventRecorder, claims: Informer) -> None:
        self._client = client
        self._recorder = recorder
        self._claims = claims

    async def create(self, stateful_set: Object, pod: Object) -> Object:
        """A pod and, before it, its claims."""
        ordinal = ordinal_of(stateful_set, pod)
        assert ordinal is not None
        with self._told("create", stateful_set, pod):
            await self.create_claims(stateful_set, pod, ordinal)
            return await self._client.create(POD, pod)

    async def delete(self, stateful_set: Object, pod: Object) -> None:
        """That very pod; one that is gone already is fine."""
        key = key_of(pod)
        with self._told("delete", stateful_set, pod):
            try:
                await self._client.delete(POD, key.name, key.namespace, uid=pod["metadata"]["uid"])
            except NotFound:
                return

    async def mend(self, stateful_set: Object, pod: Object, ordinal: int) -> None:
        """Give a pod the labels and volumes of its place, where it has lost them."""
        if is_sound(stateful_set, pod, ordinal):
            return
        with self._told("update", stateful_set, pod):
            await self.create_claims(stateful_set, pod, ordinal)
            await self._client.update(POD, mended(stateful_set, pod, ordinal))

    async def create_claims(self, stateful_set: Object, pod: Object, ordinal: int) -> None:
        """Those of a place that are missing. Raises Conflict where one is on its way out."""
        for claim in claims_for(stateful_set, ordinal):
            there = self._claims.get(key_of(claim))
            if there is None:
                await self._create_claim(stateful_set, pod, claim)
            elif is_deleting(there):
                raise Conflict(f"pvc {claim['metadata']['name']} is being deleted")

    async def keep_claims(self, stateful_set: Object, pod: Object, ordinal: int, *, scaled_away: bool) -> None:
        """Give the claims of a place the owners that the retention policy wants."""
        for claim in claims_for(stateful_set, ordinal):
            there = self._claims.get(key_of(claim))
            if there is None:
                continue
            if (changed := kept(stateful_set, pod, there, scaled_away)) is not None:
                self._warn_of_conflict(stateful_set, pod, there)
                await self._client.update(CLAIM, changed)

    def _warn_of_conflict(self, stateful_set: Object, pod: Object, claim: Object) -> None:
        if has_other_controller(stateful_set, pod, claim):
            message = (
                f"PersistentVolumeClaim {claim['metadata']['name']} has a conflicting OwnerReference that acts as a "
                "managing controller, the retention policy is ignored for this claim"
            )
            self._recorder.event(stateful_set, WARNING, "ConflictingController", message)

    async def _create_claim(self, stateful_set: Object, pod: Object, claim: Object) -> None:
        what = f"Claim {claim['metadata']['name']} Pod {pod['metadata']['name']} in StatefulSet"
        name = stateful_set["metadata"]["name"]
        try:
            await self._client.create(CLAIM, claim)
        except AlreadyExists:  # the informer is behind
            return
        except APIError as error:
            message = f"Create {what} {name} failed error: {error}"
            self._recorder.event(stateful_set, WARNING, "FailedCreate", message)
            raise
        self._recorder.event(stateful_set, NORMAL, "SuccessfulCreate", f"Create {what} {name} success")

    @contextmanager
    def _told(self, verb: str, stateful_set: Object, pod: Object) -> Iterator[None]:
        """An event for what is done inside; a pod of the same name that is still there is no news."""
        what = f"{verb.title()} Pod {pod['metadata']['name']} in StatefulSet {stateful_set['metadata']['name']}"
        try:
            yield
        except AlreadyExists:
            raise
        except APIError as error:
            self._recorder.event(stateful_set, WARNING, f"Failed{verb.title()}", f"{what} failed error: {error}")
            raise
        self._recorder.event(stateful_set, NORMAL, f"Successful{verb.title()}", f"{what} successful")
