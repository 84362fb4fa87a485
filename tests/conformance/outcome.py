"""What the output of e2e.test says of the one test that it ran: passed, failed and why, or not run. Pure.

Ginkgo's report ends with `Ran 1 of 3206 Specs` and a line of counts; a failure's text stands between the end of the
timeline and the `In [It] at:` line.
"""

import re
from dataclasses import dataclass

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"
STATES = (PASSED, FAILED, NOT_RUN)

_COUNTS = re.compile(r"-- (\d+) Passed \| (\d+) Failed \| \d+ Pending")
_PANIC = re.compile(r"^  \[PANICKED\] Test Panicked\n  In .*\n\n(.*)", re.M)
_FAILURE = re.compile(r"^  \[(?:FAILED|TIMEDOUT)\] (?!in \[)(.*?)^  In \[[^]]+\] at: ", re.M | re.S)
_SKIPPED = re.compile(r"^  \[SKIPPED\] (?!in \[)(.*?)^  In \[[^]]+\] at: ", re.M | re.S)
_TIMEOUT = re.compile(r"A suite timeout occurred( and then the following.*)?")
_TIMED_OUT = "timed out"
_PLACES = re.compile(r"/(?:[\w.@-]+/)*?(?:pkg/mod|sampan/conformance/[\w.-]+|sampan-conformance-\w+)/")
_LENGTH = 180


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended."""

    state: str  # of STATES
    why: str = ""


def read(output: str) -> Outcome:
    """The outcome in the output of a finished (or killed) e2e.test."""
    counts = _COUNTS.search(output)
    if counts and counts[1] == "1" and counts[2] == "0":
        return Outcome(PASSED)
    if panic := _PANIC.search(output):
        return Outcome(FAILED, f"panicked: {brief(panic[1])}")
    if reasons := [brief(text) for text in _FAILURE.findall(output)]:
        return Outcome(FAILED, next((why for why in reasons if why != _TIMED_OUT), _TIMED_OUT))
    if skipped := _SKIPPED.search(output):
        return Outcome(NOT_RUN, brief(skipped[1]))
    return Outcome(FAILED, "e2e.test ended without a report" if not counts else "e2e.test ran no such test")


def brief(text: str) -> str:
    """One short line of a failure's text, without what is this machine's."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and _TIMEOUT.fullmatch(lines[0]):
        lines[0] = f"{_TIMED_OUT}:" if len(lines) > 1 else _TIMED_OUT
    said = _PLACES.sub("", " ".join(lines))
    return said if len(said) <= _LENGTH else said[: _LENGTH - 1].rstrip() + "…"
