"""YAML: everything is encoded anew, and there are no watches, as upstream has none."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sampan.apiserver.accept import YAML
from sampan.apiserver.call import Call, Many
from sampan.apiserver.render.batches import batches
from sampan.apiserver.render.serializer import Encode, Parts, Rest
from sampan.apiserver.render.trees import item, list_tree
from sampan.apiserver.render.versions import shown
from sampan.machinery import yamlio
from sampan.machinery.meta import Object
from sampan.storage.cached import Cached

_AT_ONCE = 20  # objects of a piece: each may take ten milliseconds


class AsYAML:
    """See serializer.py."""

    media_type = YAML
    stream_type = ""

    def tree(self, tree: Any) -> bytes:
        """An object by itself."""
        return yamlio.dump_yaml(tree)

    def entry(self, call: Call, entry: Cached) -> tuple[bytes, Rest]:
        """An object as it is stored."""
        return self.tree(shown(call, entry)), ()

    def many(self, call: Call, result: Many) -> Iterator[bytes]:
        """A list; its fields are sorted, as those of all objects."""
        around = list_tree(call, replace(result, entries=()))
        first = {"apiVersion": around.pop("apiVersion")}
        if not result.entries:
            first["items"] = around.pop("items")
        yield self.tree(first)
        if result.entries:
            del around["items"]
            yield b"items:\n"
            for batch in batches(result.entries, _AT_ONCE):
                yield self.tree([item(call, entry) for entry in batch])
        yield self.tree(around)

    def joined(self, parts: Parts) -> Iterator[bytes]:
        """A list of views."""
        after: Object = {}
        for number, part in enumerate(parts(_AT_ONCE)):
            field, items = part.popitem()
            if not number:
                yield self.tree({name: value for name, value in part.items() if name < field})
                yield f"{field}:\n".encode()
                after = {name: value for name, value in part.items() if name > field}
            yield self.tree(items)
        if after:
            yield self.tree(after)

    def is_quick(self, call: Call) -> bool:
        """Never."""
        return False

    def frame(self, type: str, tree: Any) -> bytes:
        """There is none: form.py has refused the watch."""
        raise AssertionError("a watch in YAML")

    def changes(self, call: Call) -> Encode:
        """There are none: form.py has refused the watch."""
        raise AssertionError("a watch in YAML")
