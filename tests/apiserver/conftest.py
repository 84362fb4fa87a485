"""One fresh server for every test."""

from collections.abc import AsyncIterator

import pytest

from tests.apiserver.harness import API, running


@pytest.fixture
async def api() -> AsyncIterator[API]:
    """See harness."""
    async with running() as api:
        yield api
