"""Remembering what short texts come to, and never long ones: clients choose the texts, so memory must not follow them.

For functions of what came from outside (selectors, names, queries); `functools.lru_cache` bounds the number of its
entries, but not their size. Called from everywhere.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

LONGEST = 256  # characters of a text that is remembered

T = TypeVar("T")


def remembered(maxsize: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """A decorator: lru_cache for a function of a text, passed by for long ones."""

    def decorate(function: Callable[[str], T]) -> Callable[[str], T]:
        short = lru_cache(maxsize)(function)

        @wraps(function)
        def call(text: str) -> T:
            return short(text) if len(text) <= LONGEST else function(text)

        return call

    return decorate
