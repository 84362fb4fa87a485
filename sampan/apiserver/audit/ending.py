"""A stream whose end is noticed, however it comes: also where nobody has read from it."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Ending(Generic[T]):
    """Passes an iterator on; `ended` is called once it is through, has failed, or is closed, perhaps more than once."""

    def __init__(self, source: AsyncIterator[T], ended: Callable[[], object]) -> None:
        self._source = source
        self._ended = ended

    def __aiter__(self) -> "Ending[T]":
        return self

    async def __anext__(self) -> T:
        try:
            return await anext(self._source)
        except BaseException:
            self._ended()
            raise

    async def aclose(self) -> None:
        """Close the source."""
        self._ended()
        close: Any = getattr(self._source, "aclose", None)
        if close is not None:
            await close()
