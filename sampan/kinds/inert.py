"""Kinds that are stored although nothing acts on them yet: whoever creates one is told so.

A kind's file takes the warning away when what acts on it arrives.
"""

from collections.abc import Callable, Iterator

from sampan.machinery.meta import Object


def nothing_acts(what: str) -> Callable[[Object], Iterator[str]]:
    """A warning on create that says what does not happen: `its pods are not made`."""

    def warnings(obj: Object) -> Iterator[str]:
        yield f"Sampan stores this {obj['kind']}, but nothing acts on it yet: {what}"

    return warnings
