"""What the name of a test says: its SIG, whether it must run alone, and how to ask Ginkgo for it. Pure."""

import re
from collections.abc import Iterable
from pathlib import Path

LIST = Path(__file__).with_name("tests.txt")

_SIG = re.compile(r"\[(sig-[a-z-]+)\]")
_GO_META = re.compile(r"([\\.+*?()|\[\]{}^$])")
_ALONE = ("[Serial]", "[Disruptive]")
_SLUG_LENGTH = 250  # with .log, within a file system's 255


def all_tests() -> list[str]:
    """Every conformance test, in the order of the list."""
    return LIST.read_text().splitlines()


def sig(name: str) -> str:
    """The special interest group that a test belongs to; raises ValueError for what is no test's name."""
    found = _SIG.match(name)
    if not found:
        raise ValueError(f"a test's name starts with its SIG: {name!r}")
    return found[1]


def chosen(names: Iterable[str], focus: str) -> list[str]:
    """The tests that a regular expression finds; all for an empty one."""
    pattern = re.compile(focus)
    return [name for name in names if pattern.search(name)]


def split(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Tests that may run beside others, the slow ones first so that none is waited for at the end; and those that may
    not."""
    names = list(names)
    alone = [name for name in names if any(mark in name for mark in _ALONE)]
    together = sorted((name for name in names if name not in alone), key=lambda name: "[Slow]" not in name)
    return together, alone


def ginkgo_focus(name: str) -> str:
    """The regular expression (RE2) that finds this test only: Ginkgo matches `<the suite's title> <the name>`."""
    return " " + _GO_META.sub(r"\\\1", name) + "$"


def slug(name: str) -> str:
    """A file name for a test's log."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", name.replace("[Conformance]", "")).strip("-")
    return words[:_SLUG_LENGTH].rstrip("-")
