"""docs/conformance.md: written from outcomes, and read back so that a run of some tests keeps the others'. Pure.

A table for each SIG has a row for each test of the list, with the day of its last run.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.conformance.names import sig
from tests.conformance.outcome import NOT_RUN, STATES, Outcome

_HEAD = """# Upstream's conformance tests

What Kubernetes {version}'s own e2e.test says of Sampan: each test by itself, on clusters of two nodes
(until 2026-11-27, of one). Written by
`make conformance` (tests/conformance/), never by hand; each row has the day of its last run, the newest is {newest}.

"""
_ROW = re.compile(r"^\| (" + "|".join(STATES) + r") \| ([\d-]*) \| (.*?) \| (.*?) ?\|$", re.M)


@dataclass(frozen=True, slots=True)
class Row:
    """The last that is known of a test."""

    outcome: Outcome
    day: str = ""  # ISO


UNKNOWN = Row(Outcome(NOT_RUN))


def render(names: Iterable[str], rows: Mapping[str, Row], version: str) -> str:
    """The file: totals by SIG, then every test of `names`."""
    of_sig: dict[str, list[str]] = {}
    for name in names:
        of_sig.setdefault(sig(name), []).append(name)
    newest = max((row.day for row in rows.values()), default="") or "none"
    parts = [_HEAD.format(version=version, newest=newest), _totals(of_sig, rows)]
    return "".join([*parts, *(_section(title, tests, rows) for title, tests in sorted(of_sig.items()))])


def parse(text: str) -> dict[str, Row]:
    """The rows of a file that render() made."""
    found = {}
    for state, day, name, why in _ROW.findall(text):
        found[_plain(name)] = Row(Outcome(state, _plain(why)), day)
    return found


def parse_list(text: str) -> dict[str, str]:
    """Test -> state, from such a file or from lines of state, tab, test, tab, why."""
    if rows := parse(text):
        return {name: row.outcome.state for name, row in rows.items()}
    cells = [line.split("\t") for line in text.splitlines()]
    return {line[1]: line[0] for line in cells if len(line) > 1 and line[0] in STATES}


def lost(before: Mapping[str, str], now: Mapping[str, Row]) -> list[str]:
    """The tests that passed before and fail now."""
    return [name for name, state in before.items() if state == "passed" and _state(now, name) == "failed"]


def _state(rows: Mapping[str, Row], name: str) -> str:
    return rows.get(name, UNKNOWN).outcome.state


def _totals(of_sig: Mapping[str, list[str]], rows: Mapping[str, Row]) -> str:
    lines = ["| | passed | failed | not run | of |", "|---|---|---|---|---|"]
    everything = Counter[str]()
    for title, tests in sorted(of_sig.items()):
        counts = Counter(_state(rows, name) for name in tests)
        everything += counts
        lines.append(_count_row(title, counts))
    return "\n".join([*lines, _count_row("**all**", everything)]) + "\n"


def _count_row(title: str, counts: Counter[str]) -> str:
    return f"| {title} | {' | '.join(str(counts[state]) for state in STATES)} | {counts.total()} |"


def _section(title: str, tests: list[str], rows: Mapping[str, Row]) -> str:
    lines = [f"\n## {title}\n", "| | day | test | why |", "|---|---|---|---|"]
    for name in tests:
        row = rows.get(name, UNKNOWN)
        lines.append(f"| {row.outcome.state} | {row.day} | {_cell(name)} | {_cell(row.outcome.why)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text that stays one cell of a Markdown table and is shown as it is."""
    return re.sub(r"([\\|<>*`])", r"\\\1", text)


def _plain(cell: str) -> str:
    return re.sub(r"\\(.)", r"\1", cell)
