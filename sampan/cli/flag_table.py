"""Flags of components as a table: how they are added to `sampan up`, and what was given, by field.

Called by up.py with the tables of authentication_flags.py, authorization_flags.py and controller_flags.py;
cluster/ is told what was given.
"""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sampan.cli.common import truth

FILE, TEXT, DURATION, NUMBER, LIST, MANY, TRUTH = "FILE", "TEXT", "DURATION", "NUMBER", "LIST", "VALUE", "true|false"


class Flag(NamedTuple):
    """One flag. LIST is separated by commas, MANY given once for each value."""

    name: str
    kind: str
    help: str


def add_flags(command: argparse.ArgumentParser, title: str, flags: Iterable[Flag], of: str = "kube-apiserver") -> None:
    """Add them all, in a group of their own."""
    group = command.add_argument_group(title, f"as {of}'s; '' takes back what was said before")
    for flag in flags:
        shown: dict[str, Any] = {"help": flag.help, "metavar": flag.kind, "default": None}
        if flag.kind == TRUTH:
            group.add_argument(f"--{flag.name}", nargs="?", const=True, type=truth, **shown)
        elif flag.kind == MANY:
            group.add_argument(f"--{flag.name}", action="append", **shown)
        else:
            group.add_argument(f"--{flag.name}", **shown)


def given(arguments: argparse.Namespace, flags: Sequence[Flag]) -> dict[str, Any]:
    """What was given, by field of the options; None for what is taken back."""
    found: dict[str, Any] = {}
    for flag in flags:
        field = flag.name.replace("-", "_")
        value = getattr(arguments, field)
        if value is None:
            continue
        if flag.kind == LIST:
            value = [word for part in value.split(",") if (word := part.strip())]
        elif flag.kind == MANY:
            value = [word for word in value if word]
        found[field] = None if value in ("", []) else value
    return found
