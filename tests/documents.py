"""The commands that README.md and docs/ show, to be tried or checked."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
PROGRAMS = ("sampan", "make", "python", "kubectl", "docker", "curl", "nft", "export")  # that they may name

_PROMPT = re.compile(r"^    \$ (.+)$", re.MULTILINE)
_BLOCK = re.compile(rf"^    ((?:{'|'.join(PROGRAMS)}) .+)$", re.MULTILINE)
_SPAN = re.compile(rf"`((?:{'|'.join(PROGRAMS)}) [^`]+)`")
_INNER = re.compile(r"\$\((.+?)\)")
_GAP = re.compile(r"  +\S.*$")  # what stands beside a command of a list


class Shown(NamedTuple):
    """A command as it stands in a document."""

    where: str
    words: str
    in_prose: bool = False  # which may name a command without its operands


def shown(document: Path) -> list[Shown]:
    """Every command of a document, those inside others too."""
    text = document.read_text()
    found = [_GAP.sub("", line.partition(" #")[0]).strip() for line in _PROMPT.findall(text) + _BLOCK.findall(text)]
    spans = [span.replace("\\|", "/") for span in _SPAN.findall(text)]
    parts = [part.strip() for line in found for part in line.split(" | ")]
    parts += [inner for line in found for inner in _INNER.findall(line)]
    return [Shown(document.name, part, part not in parts) for part in dict.fromkeys([*parts, *spans])]


def tour() -> list[str]:
    """The commands of README's tour, in order."""
    return [line.partition(" #")[0].strip() for line in _PROMPT.findall((ROOT / "README.md").read_text())]
