"""The control plane under test."""

from collections.abc import AsyncIterator

import pytest

from sampan.controllers.config import Config
from tests.controllers.cluster import Cluster, control_plane


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with control_plane(Config(root_ca="PEM", load_balancer_pool=("10.10.0.0/30",))) as running:
        yield running
