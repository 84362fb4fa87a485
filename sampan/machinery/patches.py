"""The three patch languages behind one door: `patches.json_patch`, `merge_patch`, `strategic_merge_patch`.

All take the object in the client's version (private to the request, and changed) and the parsed patch (left as it is,
so that it can be applied again after a conflict), and raise only APIErrors. What a patch makes may still be no object
of the kind: `undecodable` is the answer to that. Server-side apply is apply.py.
"""

from sampan.machinery.patch_errors import undecodable, undecodable_strategic
from sampan.machinery.patch_json import CheckFailed, json_patch
from sampan.machinery.patch_merge import merge_patch
from sampan.machinery.patch_strategic import strategic_merge_patch

__all__ = ["CheckFailed", "json_patch", "merge_patch", "strategic_merge_patch", "undecodable", "undecodable_strategic"]
