"""`sampan completion`: a script by which a shell completes `sampan`'s commands and flags.

    eval "$(sampan completion bash)"       (or zsh), in ~/.bashrc (or ~/.zshrc, below compinit)

The script is static, so pressing TAB starts no Python. shtab makes it from the parser that app.py built.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from sampan.cli.common import complain

_SHELLS = ("bash", "zsh")


def register(subparsers: Any) -> None:
    """Add the command."""
    command: argparse.ArgumentParser = subparsers.add_parser(
        "completion", help='print what completes words: eval "$(sampan completion bash)"'
    )
    command.add_argument("shell", choices=_SHELLS, nargs="?", help="default: by $SHELL")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    shell = arguments.shell or Path(os.environ.get("SHELL", "")).name
    if shell not in _SHELLS:
        return complain(f"name a shell:\n    sampan completion {' | '.join(_SHELLS)}")
    sys.stdout.write(shtab.complete(arguments.parser, shell=shell))
    return 0
