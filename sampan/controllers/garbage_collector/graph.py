"""Who owns whom among all objects, as informers tell it. Pure: no I/O, and no decisions about deletion.

Used by controller.py. Nodes are objects, named by uid; edges are owner references, which may point to what is
not (yet, or any more) in the graph.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sampan.machinery.kind import Kind
from sampan.machinery.meta import FOREGROUND, ORPHAN, Object


class Node(NamedTuple):
    """An object of a kind, in its newest known form."""

    kind: Kind
    object: Object

    @property
    def uid(self) -> str:
        """The object's uid."""
        return str(self.object["metadata"]["uid"])

    @property
    def namespace(self) -> str:
        """The object's namespace; "" where it is cluster-scoped."""
        return self.object["metadata"].get("namespace") or ""

    @property
    def owners(self) -> list[Object]:
        """The object's owner references."""
        return self.object["metadata"].get("ownerReferences") or []

    @property
    def is_deleting(self) -> bool:
        """Whether deletion has begun."""
        return "deletionTimestamp" in self.object["metadata"]

    @property
    def finalizers(self) -> list[str]:
        """The object's finalizers."""
        return self.object["metadata"].get("finalizers") or []

    @property
    def waits_for_dependents(self) -> bool:
        """Whether it is being deleted in the foreground: last, after all that block it."""
        return self.is_deleting and FOREGROUND in self.finalizers

    @property
    def orphans_dependents(self) -> bool:
        """Whether it is being deleted and its dependents are to be let go first."""
        return self.is_deleting and ORPHAN in self.finalizers


class Graph:
    """Kept up to date by `change`, which also tells which objects may now have to be looked at."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, set[str]] = {}

    def get(self, uid: str) -> Node | None:
        """The object of a uid."""
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[Node]:
        """The objects that name `uid` as an owner."""
        return [self._nodes[one] for one in sorted(self._dependents.get(uid, ()))]

    def change(self, kind: Kind, old: Object | None, new: Object | None) -> set[str]:
        """Take a change over; the uids of objects whose fate it may decide."""
        before, after = Node(kind, old) if old else None, Node(kind, new) if new else None
        node = after or before
        if node is None or (before and after and _facts(before) == _facts(after)):
            if after:
                self._nodes[after.uid] = after
            return set()
        self._link(node.uid, before, after)
        return self._concerned(before, after)

    def _link(self, uid: str, before: Node | None, after: Node | None) -> None:
        for owner in _owner_uids(before):
            self._dependents.get(owner, set()).discard(uid)
            if not self._dependents.get(owner):
                self._dependents.pop(owner, None)
        for owner in _owner_uids(after):
            self._dependents.setdefault(owner, set()).add(uid)
        if after:
            self._nodes[uid] = after
        else:
            self._nodes.pop(uid, None)

    def _concerned(self, before: Node | None, after: Node | None) -> set[str]:
        found: set[str] = set()
        if after is None and before is not None:
            found |= self._dependents.get(before.uid, set())
        if after is not None and (after.owners or after.waits_for_dependents or after.orphans_dependents):
            found.add(after.uid)
        for owner in _owner_uids(before) | _owner_uids(after):
            node = self._nodes.get(owner)
            if node is not None and (node.waits_for_dependents or node.orphans_dependents):
                found.add(owner)
        return found


def _facts(node: Node) -> tuple[Any, ...]:
    return node.owners, node.is_deleting, node.finalizers


def _owner_uids(node: Node | None) -> set[str]:
    return {ref["uid"] for ref in node.owners} if node else set()


def blocking(dependents: Iterable[Node], owner: str) -> list[Node]:
    """The dependents that keep `owner` from going in the foreground."""
    return [node for node in dependents if any(_blocks(ref, owner) for ref in node.owners)]


def _blocks(ref: Object, owner: str) -> bool:
    return ref["uid"] == owner and bool(ref.get("blockOwnerDeletion"))
