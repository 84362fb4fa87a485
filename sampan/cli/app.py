"""The list of `sampan`'s subcommands, and nothing else.

Each module has `register(subparsers)`; a command's function takes the parsed arguments and returns the exit status.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from sampan import __version__
from sampan.cli import completion, delete, down, env, image, kubectl, logs, node, status, up, version
from sampan.cli.common import complain
from sampan.cluster.config import ConfigError

COMMANDS = (up, down, delete, status, logs, node, env, image, kubectl, completion, version)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="sampan", description="Kubernetes, whole, in Python.")
    top.add_argument("--version", action="version", version=f"sampan {__version__}")
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(subparsers)
    top.set_defaults(parser=top)  # for the command that describes them all
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the console script's entry point."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["kubectl"]:  # its flags are kubectl's, not ours to parse
            return kubectl.run_words(words[1:])
        chosen = parser().parse_args(words)
        exit_status: int = chosen.run(chosen)
        return exit_status
    except ConfigError as error:  # any command may be the first to look at a cluster's file
        return complain(str(error))
    except BrokenPipeError:  # `sampan status | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor must the flush at exit complain
        return 141
    except PermissionError as error:
        return complain(f"{error.strerror}: {error.filename}. The cluster may be another user's; try as root")
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
