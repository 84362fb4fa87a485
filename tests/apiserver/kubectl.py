"""The real kubectl of this machine, and what to skip where it is older than a test."""

import json
import subprocess
from functools import cache
from pathlib import Path

import pytest

from sampan.cli.real_kubectl import find_kubectl


def binary() -> Path:
    """The newest one; skips the test where there is none."""
    found = find_kubectl()
    if found is None:
        pytest.skip("no kubectl on this machine")
    return found


@cache
def minor() -> int:
    """33 of v1.33.2."""
    said = subprocess.run([binary(), "version", "--client", "-o", "json"], capture_output=True, check=True).stdout
    return int(json.loads(said)["clientVersion"]["minor"].rstrip("+"))


def needs(release: int) -> None:
    """Skip where kubectl is older than 1.`release`."""
    if minor() < release:
        pytest.skip(f"needs kubectl 1.{release}")
