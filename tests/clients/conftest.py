"""A server behind TLS for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.apiserver.harness import API
from tests.clients.programs import kubectls
from tests.clients.rig import Command, kubeconfig, secure


@pytest.fixture
async def tls() -> AsyncIterator[API]:
    """See rig."""
    async with secure() as api:
        yield api


@pytest.fixture
def config(tls: API, tmp_path: Path) -> Path:
    """A kubeconfig file for the server."""
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig(tls.server.port)))
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `every_kubectl` runs with each release that is there."""
    if "every_kubectl" in metafunc.fixturenames:
        found = kubectls()
        metafunc.parametrize("every_kubectl", found.values(), ids=found.keys(), indirect=True)


@pytest.fixture
def every_kubectl(request: pytest.FixtureRequest, tls: API, tmp_path: Path) -> Command:
    """kubectl with an administrator's configuration."""
    return Command(request.param, tmp_path, tls.server.port)
