"""What a Service's name leads to, as a value; resolve.py finds it."""

from collections.abc import Callable
from typing import NamedTuple


class Unresolved(Exception):
    """There is no such Service, port or endpoint; str() says so as upstream does."""


class Address(NamedTuple):
    """Where to dial."""

    host: str
    port: int


# (namespace, name, port of the Service) -> where to dial; raises Unresolved
Resolve = Callable[[str, str, int], Address]
