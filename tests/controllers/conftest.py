"""The control plane under test."""

from collections.abc import AsyncIterator

import pytest

from sampan.controllers.config import Config
from tests.controllers.cluster import ROOT_CA, Cluster, control_plane
from tests.pkcs10 import KEY, private_pem


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    config = Config(
        root_ca=ROOT_CA,
        cluster_signing_cert=ROOT_CA.encode(),
        cluster_signing_key=private_pem(KEY),
        load_balancer_pool=("10.10.0.0/30",),
    )
    async with control_plane(config) as running:
        yield running
