"""The namespace controller: empties a namespace that is being deleted, pods first, then lets it go.

Rules: docs, Namespaces; KEP-5080 (ordered namespace deletion: what pods rely on, such as network policies, outlives
them). Conditions, reasons and messages: upstream's pkg/controller/namespace/deletion.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sampan.controllers.config import ControllerContext
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery import conditions
from sampan.machinery.conditions import FALSE, TRUE
from sampan.machinery.errors import APIError, MethodNotAllowed, NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, is_deleting
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Controller

FINALIZER = "kubernetes"
RETRY = after(1.0)


@dataclass(slots=True)
class Remaining:
    """What is left in a namespace after everything in it was told to go."""

    counts: dict[str, int] = field(default_factory=dict)  # "pods." or "deployments.apps" -> objects
    finalizers: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    undiscovered: tuple[str, ...] = ()  # groups and versions of which nobody knows what there is

    def note(self, kind: Kind, found: Sequence[Object]) -> None:
        """Count the objects of a kind that are still there."""
        if found:
            self.counts[f"{kind.plural}.{kind.group}"] = len(found)
        for obj in found:
            self.finalizers.update(obj["metadata"].get("finalizers") or ())

    @property
    def is_nothing(self) -> bool:
        """Whether the namespace is empty."""
        return not self.counts and not self.errors and not self.undiscovered


def content_conditions(old: Sequence[Object], remaining: Remaining, now: datetime) -> list[Object]:
    """The status conditions that tell how the deletion gets on."""
    found = list(old)
    for type, (status, reason, message) in _told(remaining).items():
        before = conditions.find(found, type)
        if before is not None and before.get("message") != message:
            found = [{**one, "message": message} if one is before else one for one in found]
        found = conditions.with_condition(found, type, status, reason, message, now, updates=False)
    return found


def _told(remaining: Remaining) -> Mapping[str, tuple[str, str, str]]:
    content = ", ".join(f"{name} has {count} resource instances" for name, count in sorted(remaining.counts.items()))
    held = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(remaining.finalizers.items()))
    failed = ", ".join(sorted(remaining.errors))
    discovered = (FALSE, "ResourcesDiscovered", "All resources successfully discovered")
    if remaining.undiscovered:
        unknown = ", ".join(f"{name}: stale GroupVersion discovery: {name}" for name in remaining.undiscovered)
        which = f"unable to retrieve the complete list of server APIs: {unknown}"
        count = len(remaining.undiscovered)
        discovered = (TRUE, "DiscoveryFailed", f"Discovery failed for some groups, {count} failing: {which}")
    parsed = (FALSE, "ParsedGroupVersions", "All legacy kube types successfully parsed")
    deleted = (FALSE, "ContentDeleted", "All content successfully deleted, may be waiting on finalization")
    what = f"Failed to delete all resource types, {len(remaining.errors)} remaining: {failed}"
    failure = (TRUE, "ContentDeletionFailed", what)
    removed = (FALSE, "ContentRemoved", "All content successfully removed")
    some = (TRUE, "SomeResourcesRemain", f"Some resources are remaining: {content}")
    free = (FALSE, "ContentHasNoFinalizers", "All content-preserving finalizers finished")
    finalizing = (TRUE, "SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {held}")
    return {
        "NamespaceDeletionDiscoveryFailure": discovered,
        "NamespaceDeletionGroupVersionParsingFailure": parsed,
        "NamespaceDeletionContentFailure": failure if failed else deleted,
        "NamespaceContentRemaining": some if content else removed,
        "NamespaceFinalizersRemaining": finalizing if held else free,
    }


def deletion_order(kinds: Iterable[Kind]) -> list[list[Kind]]:
    """Namespaced kinds that can be listed and deleted, in groups: a group goes when those before it are gone."""
    usable = [kind for kind in kinds if kind.namespaced and {"list", "delete"} <= set(kind.verbs)]
    return [[kind for kind in usable if kind is POD], [kind for kind in usable if kind is not POD]]


class NamespaceController(Controller):
    """Empties terminating namespaces."""

    name = "namespace-controller"
    workers = 10
    rate_factor = 20.0  # as upstream: a request for each kind

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.discovery = context.discovery
        self.namespaces = self.watch(NAMESPACE)
        self.watch(POD, self._terminating, matters=lambda old, new: False)

    def _terminating(self, pod: Object) -> Iterable[Key]:
        """The pod's namespace, if it waits for its pods to go."""
        key = Key("", pod["metadata"]["namespace"])
        namespace = self.namespaces.get(key)
        return (key,) if namespace is not None and is_deleting(namespace) else ()

    async def reconcile(self, key: Key) -> Action:
        namespace = self.namespaces.get(key)
        if namespace is None or not is_deleting(namespace) or FINALIZER not in _finalizers(namespace):
            return WAIT
        remaining = await self._empty(key.name)
        if remaining.is_nothing:
            return await self._end(namespace)
        await self._report(namespace, remaining)
        return RETRY

    async def _end(self, namespace: Object) -> Action:
        """Let it go, unless there are kinds that we had not heard of: what is left in it now would stay for good."""
        known = self.discovery.kinds
        if not await self.discovery.refreshed() or self.discovery.kinds != known or self.discovery.failed:
            return RETRY
        await self._finalize(namespace)
        return WAIT

    async def _empty(self, name: str) -> Remaining:
        """Tell everything to go, one group of kinds at a time; what is left."""
        await self.discovery.synced()
        remaining = Remaining(undiscovered=self.discovery.failed)
        known = [kind for kind in self.discovery.kinds if not self._is_stale(kind)]
        for group in deletion_order(known):
            for kind in group:
                await self._delete_all(kind, name, remaining)
            if remaining.counts:
                break
        return remaining

    def _is_stale(self, kind: Kind) -> bool:
        """Whether the kind's server does not answer: then nothing is known of it, and the namespace has to wait."""
        return kind.api_version in self.discovery.failed

    async def _delete_all(self, kind: Kind, namespace: str, remaining: Remaining) -> None:
        try:
            found = (await self.client.list(kind, namespace)).items
            if not found:
                return
            await self._delete_collection(kind, namespace, found)
            remaining.note(kind, (await self.client.list(kind, namespace)).items)
        except (NotFound, MethodNotAllowed):
            return  # the kind is gone, and its objects with it
        except APIError as error:
            remaining.errors.append(f"{kind.plural}.{kind.group}: {error}")

    async def _delete_collection(self, kind: Kind, namespace: str, found: Sequence[Object]) -> None:
        if "deletecollection" in kind.verbs:
            try:
                await self.client.delete_collection(kind, namespace)
                return
            except MethodNotAllowed:
                found = (await self.client.list(kind, namespace)).items
        for obj in found:
            try:
                await self.client.delete(kind, obj["metadata"]["name"], namespace, propagation="Background")
            except NotFound:
                continue

    async def _report(self, namespace: Object, remaining: Remaining) -> None:
        old = namespace.get("status") or {}
        found = content_conditions(old.get("conditions") or (), remaining, self.clock.now())
        if not semantic_equal(found, old.get("conditions")):
            changed = {**namespace, "status": {**old, "conditions": found}}
            await self.client.update(NAMESPACE, changed, subresource="status")

    async def _finalize(self, namespace: Object) -> None:
        left = [name for name in _finalizers(namespace) if name != FINALIZER]
        body = {**namespace, "spec": {**namespace["spec"], "finalizers": left}}
        try:
            await self.client.update(NAMESPACE, body, subresource="finalize")
        except NotFound:
            return


def _finalizers(namespace: Object) -> list[str]:
    return list((namespace.get("spec") or {}).get("finalizers") or ())


CONTROLLER = NamespaceController
