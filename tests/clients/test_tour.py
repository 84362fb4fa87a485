"""README's tour as far as a control plane goes: kubectl takes each of its lines. Its pods run in tests/e2e."""

from pathlib import Path

import pytest

from tests.apiserver.harness import API
from tests.apiserver.kubectl import binary
from tests.clients.rig import Command
from tests.documents import ROOT, tour


async def test_kubectl_takes_every_line(tls: API, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run = Command(binary(), tmp_path, tls.server.port)
    lines = [line.removeprefix("kubectl ") for line in tour() if line.startswith("kubectl ")]
    said = [await run(line) for line in lines]
    assert said[:3] == [
        "replicationcontroller/kubia created\n",
        "service/kubia-http exposed\n",
        "replicationcontroller/kubia scaled\n",
    ]
