"""What all of this package starts from: versions, the limit of one expression, and loading what is needed later.

Upstream: apiserver pkg/apis/cel/config.go (PerCallLimit).
"""

from importlib import import_module
from typing import Any

Version = tuple[int, int]
CURRENT: Version = (1, 37)
PER_CALL_LIMIT = 1_000_000  # cost units of one expression


def part(name: str) -> Any:
    """A module of this package, loaded when it is first needed."""
    return import_module(f"sampan.machinery.cel.{name}")
