"""One real node for a module's tests."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sampan.kubelet.app import Kubelet
from tests.kubelet.rig import Rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    """A control plane and a containerd without a kubelet."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    found = Rig(Path(tempfile.mkdtemp(prefix="sampan-rig-")))
    try:
        await found.open()
        yield found
    finally:
        await found.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(rig: Rig) -> AsyncIterator[Kubelet]:
    """The rig's kubelet, running."""
    async with rig.kubelet(sync_interval=0.5) as kubelet:
        yield kubelet
