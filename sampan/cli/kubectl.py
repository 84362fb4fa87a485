"""`sampan kubectl`: the real kubectl, on a cluster of ours.

Everything after `kubectl` is kubectl's, but for a leading `--name`. It gets the cluster's own kubeconfig, so it does
not matter which context the user's is set to; flags that choose a cluster otherwise are left to have their way.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sampan.cli.common import complain, find
from sampan.cli.real_kubectl import find_kubectl

_ELSEWHERE = ("--kubeconfig", "--server", "-s")  # flags that choose a cluster which isn't ours to find

NO_KUBECTL = "there is no kubectl on this machine. Install one:\n    apt-get install -y kubernetes-client"


def register(subparsers: Any) -> None:
    """Add the command to the list; its words are not parsed here."""
    command: argparse.ArgumentParser = subparsers.add_parser(
        "kubectl", help="run kubectl on a cluster: sampan kubectl [--name NAME] ...", add_help=False
    )
    command.add_argument("words", nargs=argparse.REMAINDER)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run kubectl with the words that follow."""
    return run_words(arguments.words)


def run_words(words: Sequence[str]) -> int:
    """Become kubectl; returns only where that can't be."""
    name, words = split_name(words)
    environment = dict(os.environ)
    if name or not _goes_elsewhere(words):
        config = find(name or flag_value(words, "--context"))
        if config is None:
            return 1
        environment["KUBECONFIG"] = str(config.directory / "kubeconfig")
    binary = find_kubectl()
    if binary is None:
        return complain(NO_KUBECTL)
    return _become(binary, words, environment)


def _become(binary: Path, words: Sequence[str], environment: dict[str, str]) -> int:
    sys.stdout.flush()
    try:
        os.execve(binary, ["kubectl", *words], environment)  # first word as the user typed it: it is in usage texts
    except OSError as error:
        return complain(f"{binary}: {error.strerror}")


def split_name(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """A leading --name and the rest. Later on, --name is kubectl's (`expose --name`)."""
    if words[:1] == ["--name"] and len(words) > 1:
        return words[1], words[2:]
    if words and words[0].startswith("--name="):
        return words[0].partition("=")[2], words[1:]
    return "", words


def flag_value(words: Sequence[str], flag: str) -> str:
    """The value of a flag in front of `--`, as `flag value` or `flag=value`; "" if it isn't there."""
    own = list(words[: words.index("--")] if "--" in words else words)
    for at, word in enumerate(own):
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
        if word == flag and at + 1 < len(own):
            return own[at + 1]
    return ""


def _goes_elsewhere(words: Sequence[str]) -> bool:
    return any(flag_value(words, flag) for flag in _ELSEWHERE)
