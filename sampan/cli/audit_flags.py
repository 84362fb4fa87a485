"""The flags of `sampan up` that make an audit log: kube-apiserver's, by their names there.

They go to cluster/audit.py as they are given; what there is lies in cluster/audit_flags.py. Called by up.py.
"""

import argparse
from collections.abc import Callable
from typing import Any

from sampan.cli.common import truth
from sampan.cluster.audit_flags import BY_FIELD, FLAGS


def add_audit(command: argparse.ArgumentParser) -> None:
    """Add them all."""
    group = command.add_argument_group("audit log", "as kube-apiserver's; '' takes back what was said before")
    for flag in FLAGS:
        more: dict[str, Any] = {"metavar": flag.takes, "help": flag.help, "type": _TYPES.get(flag.takes, str)}
        if flag.takes == "BOOL":
            more |= {"nargs": "?", "const": "true", "metavar": "true|false"}
        group.add_argument(f"--{flag.name}", **more)


def given(arguments: argparse.Namespace) -> dict[str, str]:
    """What was given, by field."""
    return {name: text for name in BY_FIELD if (text := getattr(arguments, name)) is not None}


def _number(word: str) -> str:
    if word and not word.removeprefix("-").isdecimal():
        raise argparse.ArgumentTypeError(f"{word!r} is no number")
    return word


def _rate(word: str) -> str:
    try:
        return word and str(float(word))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is no number") from None


def _duration(word: str) -> str:
    from sampan.machinery.durations import parse_duration

    try:
        return word if not word or parse_duration(word) >= 0 else _no_duration(word)
    except ValueError:
        return _no_duration(word)


def _no_duration(word: str) -> str:
    raise argparse.ArgumentTypeError(f"{word!r} is no duration as 10s or 5m")


def _truth(word: str) -> str:
    return word and str(truth(word)).lower()


_TYPES: dict[str, Callable[[str], str]] = {"NUMBER": _number, "RATE": _rate, "DURATION": _duration, "BOOL": _truth}
