"""`make bench`: run every benchmark of this package, each in its own process, each printing JSON lines.

python -m benchmarks [NAME ...]
"""

import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Sequence

import benchmarks

SHARED = {"__main__", "common"}  # not benchmarks


def names() -> list[str]:
    """Every benchmark, by name."""
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in SHARED)


def main(chosen: Sequence[str]) -> int:
    """Run the chosen benchmarks, or all; return how many failed."""
    if shutil.which("wrk") is None:
        print("api and transport are measured with wrk:\n    apt-get install -y wrk", file=sys.stderr)
        return 1
    failed = 0
    for name in chosen or names():
        script = f"import benchmarks.{name} as benchmark; benchmark.main()"
        done = subprocess.run([sys.executable, "-c", script], check=False)
        if done.returncode:
            print(f"benchmark {name} failed with {done.returncode}", file=sys.stderr)
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
