"""What flags of the API server say, read: files and durations, with the flag's name in what is wrong with them.

Called by the options of authentication/ and authorization/.
"""

from pathlib import Path

from sampan.machinery.durations import parse_duration


class OptionsError(ValueError):
    """The flags, or a file that they name, ask for what can't be; str() says which and why."""


def read_file(flag: str, path: str) -> bytes:
    """The file that a flag names; nothing where it names none. Raises OptionsError."""
    if not path:
        return b""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise OptionsError(f"--{flag}: open {path}: {(error.strerror or str(error)).lower()}") from error


def duration(flag: str, text: str) -> float:
    """The seconds that a flag says. Raises OptionsError."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise OptionsError(f"--{flag}: {error}") from error
