"""YAML: everything is encoded anew, and there are no watches, as upstream has none."""

from collections.abc import Sequence
from typing import Any

from sampan.apiserver.accept import YAML
from sampan.apiserver.call import Call, Many
from sampan.apiserver.render.serializer import Encode
from sampan.apiserver.render.trees import list_tree
from sampan.apiserver.render.versions import shown
from sampan.machinery import yamlio
from sampan.storage.cached import Cached


class AsYAML:
    """See serializer.py."""

    media_type = YAML
    stream_type = ""

    def tree(self, tree: Any) -> bytes:
        """An object by itself."""
        return yamlio.dump_yaml(tree)

    def entry(self, call: Call, entry: Cached) -> bytes:
        """An object as it is stored."""
        return self.tree(shown(call, entry))

    def many(self, call: Call, result: Many) -> Sequence[bytes]:
        """A list."""
        return (self.tree(list_tree(call, result)),)

    def is_quick(self, call: Call) -> bool:
        """Never."""
        return False

    def frame(self, type: str, tree: Any) -> bytes:
        """There is none: form.py has refused the watch."""
        raise AssertionError("a watch in YAML")

    def changes(self, call: Call) -> Encode:
        """There are none: form.py has refused the watch."""
        raise AssertionError("a watch in YAML")
