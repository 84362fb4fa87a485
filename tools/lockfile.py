"""Reading requirements/*.txt: which release of which package is pinned, and who asked for it.

Called by audit.py and sbom.py.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_PIN = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>\S+) \\\n(?:    --hash=\S+(?: \\)?\n)+(?P<via>(?:    # .*\n?)*)", re.M
)


class Pin(NamedTuple):
    """One package of a lock."""

    name: str
    version: str
    wanted_by: tuple[str, ...]  # packages, or "sampan" for what its pyproject.toml names
    text: str  # as the lock has it


def pins(text: str) -> Iterator[Pin]:
    """Every package of a lock, in its order."""
    for found in _PIN.finditer(text):
        yield Pin(found["name"], found["version"], tuple(_parents(found["via"])), found[0])


def _parents(comment: str) -> Iterator[str]:
    """The words after "# via", which stand on its line or below it; not the files that only bound the version."""
    for line in comment.splitlines():
        word = line.strip(" #").removeprefix("via").strip()
        if word and not word.startswith("-c "):
            yield word.partition(" ")[0]
