"""What README.md and docs/ tell a reader to type can be typed."""

import argparse
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from sampan.cli.app import parser
from tests.documents import DOCUMENTS, PROGRAMS, ROOT, Shown, shown, tour

COMMANDS = [command for document in DOCUMENTS for command in shown(document)]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def parse(words: str) -> None:
    """As the command line does; SystemExit where it would refuse. `a/b` stands for either."""
    for word in shlex.split(words):
        if re.fullmatch(r"[a-z]+(/[a-z]+)+", word) and not (ROOT / word).exists():
            for choice in word.split("/"):
                parse(words.replace(word, choice))
            return
    parser().parse_args([word for word in shlex.split(words)[1:] if word != "..."])


def is_command(words: str) -> bool:
    """Whether the words lead to a command, whatever it takes."""
    try:
        parser().parse_args([*shlex.split(words)[1:], "--help"])
    except SystemExit as exit:
        return exit.code == 0 and words.replace(" ", "").isalpha()
    return False


@pytest.mark.parametrize("command", COMMANDS, ids=[f"{command.where}: {command.words}" for command in COMMANDS])
def test_a_command_of_the_documents(command: Shown) -> None:
    program, *words = shlex.split(command.words)
    assert program in PROGRAMS
    if program == "sampan":
        if not (command.in_prose and is_command(command.words)):
            parse(command.words)
    elif program == "make":
        assert words[0] in TARGETS
    elif program == "python":
        assert words[0] == "-m" and importlib.util.find_spec(words[1])


def test_the_flags_of_the_documents() -> None:
    """The table of `sampan up` and the parser know the same flags."""
    page = (ROOT / "docs" / "commands.md").read_text()
    documented = set(re.findall(r"`(--[a-z-]+)", page.partition("## sampan up")[2])) | {"--name"}
    flags = {flag for action in subcommands()["up"]._actions for flag in action.option_strings}
    assert {flag for flag in flags if flag.startswith("--")} - {"--help"} == documented


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert {name for name in subcommands() if f"`sampan {name}" not in page} == set()


def subcommands() -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = next(a.choices for a in parser()._actions if a.choices)  # type: ignore[misc, assignment]
    return found


def test_a_newcomer_is_told_where_the_commands_are() -> None:
    path, *rest = tour()
    assert ".venv/bin" in path and rest[0] == "sampan up"
    for word in shlex.split(" ".join(rest)):
        assert not word.startswith("examples/") or Path(ROOT, word).exists()
