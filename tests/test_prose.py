"""What the code and the documents say about files: that they are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("sampan", "tests", "tools", "benchmarks", "examples")
CODE = [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]
TEXTS = sorted([*CODE, *ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
# `app.py`, `kinds/core/pod.py`; not a part of a longer word, nor of another project's path
MENTIONED = re.compile(r"(?<![\w./-])((?:\w+/)*\w+\.py)\b(?!\w)")


@pytest.fixture(scope="module")
def files() -> set[str]:
    return {file.relative_to(ROOT).as_posix() for room in ROOMS for file in (ROOT / room).rglob("*.py")}


def test_files_that_are_mentioned_exist(files: set[str]) -> None:
    lost = [
        f"{text.relative_to(ROOT)}: {name}"
        for text in TEXTS
        for name in MENTIONED.findall(text.read_text())
        if not any(f"/{file}".endswith(f"/{name}") for file in files)
    ]
    assert not lost, "\n".join(lost)
