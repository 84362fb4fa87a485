"""Upstream's scheduler and controller manager, with their default settings (protobuf), find all that they follow here.

Their work on it is not looked at: only that they list and watch everything, and have nothing to complain of.
"""

from pathlib import Path

import pytest

from tests.clients.components import complaints, component, followed, saying

FLAGS = ("--leader-elect=false", "--secure-port=0", "--v=3")
# What is said when all that is followed is there.
SYNCHRONIZED = {"kube-scheduler": "Caches populated", "kube-controller-manager": "Caches are synced"}
OF_NO_CONCERN = ("The manifest file is empty",)  # of a file of feature versions, not of the API


@pytest.mark.parametrize("name", SYNCHRONIZED)
async def test_it_follows_everything_without_complaint(name: str, config: Path) -> None:
    said: list[str] = []
    async with saying(component(name), *FLAGS, f"--kubeconfig={config}") as output:
        await followed(output, SYNCHRONIZED[name], said)
    assert complaints(said, OF_NO_CONCERN) == []
