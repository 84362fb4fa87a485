"""`python -m tests.conformance`: run upstream's tests and write docs/conformance.md. See `make conformance`.

--focus REGEX     only the tests that it finds; the others' rows stay
--workers N       how many at once
--compare FILE    run nothing: list what passed in FILE (an older report; lines of state, tab, test) and fails now
--build PROGRAM   run nothing: build one of upstream's programs (kube-apiserver, say) and print where it is
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.conformance import images, names, programs, report, runner
from tests.conformance.cluster import CHECKOUT, Cluster, ClusterError
from tests.conformance.execute import Execute
from tests.conformance.outcome import Outcome

REPORT = CHECKOUT / "docs" / "conformance.md"


class Recorder:
    """Puts each outcome into the report at once, and tells of it."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._began = time.monotonic()

    def __call__(self, name: str, outcome: Outcome) -> None:
        """Record one outcome."""
        self._done += 1
        took = time.monotonic() - self._began
        print(f"{took:6.0f} s  {self._done}/{self._total}  {outcome.state}  {name}  {outcome.why}", flush=True)
        write({**known(), name: report.Row(outcome, datetime.now(UTC).date().isoformat())})


def known() -> dict[str, report.Row]:
    """What the report holds now."""
    return report.parse(REPORT.read_text()) if REPORT.exists() else {}


def write(rows: dict[str, report.Row]) -> None:
    """Write the report, as a whole or not at all."""
    draft = REPORT.with_suffix(".new")
    draft.write_text(report.render(names.all_tests(), rows, programs.release()))
    draft.replace(REPORT)


async def run(arguments: argparse.Namespace, tests: list[str]) -> None:
    """Run the tests, with a directory for their clusters that is gone afterwards."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    built = programs.ensure()
    stand_ins = images.ensure(built)
    logs = arguments.logs or programs.cache() / "logs" / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}"
    logs.mkdir(parents=True, exist_ok=True)
    print(f"{len(tests)} tests, {arguments.workers} at once; logs in {logs}", flush=True)
    with tempfile.TemporaryDirectory(prefix="sampan-conformance-") as scratch:

        def new_cluster() -> Cluster:
            return Cluster(f"conformance-{os.getpid()}", Path(scratch), built["kubectl"], stand_ins, logs)

        execute = Execute(built, logs, arguments.limit)
        await runner.run(tests, arguments.workers, new_cluster, execute, Recorder(len(tests)))


def compare(path: Path) -> int:
    """Tell what was lost since another report; the exit status."""
    lost = report.lost(report.parse_list(path.read_text()), known())
    print("\n".join(lost) if lost else f"nothing that passed in {path} fails now")
    return 1 if lost else 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--focus", default="")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--limit", type=int, default=1200, help="seconds for one test; default 1200")
    parser.add_argument("--logs", type=Path, help="directory for a log of each test; default: in the cache")
    parser.add_argument("--compare", type=Path, metavar="FILE")
    parser.add_argument("--build", choices=programs.PACKAGES, metavar="PROGRAM")
    return parser.parse_args()


def main() -> int:
    """The command of the module's docstring; the exit status."""
    arguments = parse_arguments()
    if arguments.compare:
        return compare(arguments.compare)
    try:
        if arguments.build:
            print(programs.ensure([arguments.build])[arguments.build])
            return 0
        tests = names.chosen(names.all_tests(), arguments.focus)
        if not tests:
            raise ValueError(f"no test is found by {arguments.focus!r}")
        asyncio.run(run(arguments, tests))
    except (programs.GoMissing, ClusterError, ValueError, subprocess.CalledProcessError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("conformance: interrupted; the report has the tests that ended", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
