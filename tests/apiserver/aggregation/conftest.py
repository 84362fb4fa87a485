"""Another API server for every test that wants one."""

from collections.abc import AsyncIterator

import pytest

from tests.apiserver.aggregation.backend import Backend, backend


@pytest.fixture
async def sample() -> AsyncIterator[Backend]:
    """See backend.py."""
    async with backend() as made:
        yield made
