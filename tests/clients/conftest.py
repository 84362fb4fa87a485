"""A server behind TLS for every test."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.apiserver.harness import API
from tests.clients.programs import CACHE, kubectls
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
    """What takes `every_kubectl` runs with each release that is there; what takes long does so in test-clients only."""
    for name, found in (("every_kubectl", kubectls()), ("patient_kubectl", patient_kubectls())):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found.values(), ids=found.keys(), indirect=True)


def patient_kubectls() -> dict[str, Path]:
    """Every third release if tools/test-clients runs, else this machine's."""
    found = kubectls()
    if "EVERY_RELEASE" not in os.environ:
        return {name: path for name, path in found.items() if name == "kubectl"}
    return {name: path for name, path in found.items() if path.parent == CACHE}


@pytest.fixture
def every_kubectl(request: pytest.FixtureRequest, tls: API, tmp_path: Path) -> Command:
    """kubectl with an administrator's configuration."""
    return Command(request.param, tmp_path, tls.server.port)


@pytest.fixture
def patient_kubectl(request: pytest.FixtureRequest, tls: API, tmp_path: Path) -> Command:
    """The same for tests that take long."""
    return Command(request.param, tmp_path, tls.server.port)
