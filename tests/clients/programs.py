"""Which clients there are to test with: this machine's kubectls, and what tools/test-clients has built or fetched."""

import os
import re
from pathlib import Path

import pytest

from sampan.cli.real_kubectl import find_kubectl

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sampan" / "clients"


def program(name: str) -> Path:
    """A program of the cache; skips the test where it was not built."""
    path = CACHE / name
    if not path.exists():
        pytest.skip(f"no {name}: `make test-clients` builds it where there is Go")
    return path


def kubectls() -> dict[str, Path]:
    """Name -> path of every kubectl that is there: `kubectl`, those of other releases beside it, those of the cache."""
    newest = find_kubectl()
    beside = newest.resolve().parent.glob("kubectl*") if newest else ()
    found = [*beside, *([newest] if newest else ()), *CACHE.glob("kubectl-*")]
    return {path.name: path for path in found if re.fullmatch(r"kubectl([.-]\d+\.\d+)?", path.name)}
