"""A cluster with an audit log and encrypted Secrets: rotated by kubectl, killed in the middle, told of throughout."""

import asyncio
import base64
import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sampan.cluster.config import ClusterConfig, load
from sampan.cluster.process import server_pid
from tests.apiserver.kubectl import binary
from tests.storage.encryption.configurations import IDENTITY_PROVIDER, key, kms, local, text
from tests.storage.encryption.kms_plugin import Plugin, plugged

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAME, SECRETS = "guarded", 60
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Metadata
  users: [kubernetes-admin]
  resources: [{resources: [secrets]}]
"""


class Life:
    """A control plane of this test's own, driven by the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.directory = folder / "clusters" / NAME
        self.log, self.encryption = folder / "audit.log", folder / "encryption.yaml"
        (folder / "policy.yaml").write_text(POLICY)
        self.environment = os.environ | {
            "SAMPAN_HOME": str(folder / "clusters"),
            "KUBECONFIG": str(folder / "kubeconfig"),
        }

    def sampan(self, *words: str) -> str:
        command = [sys.executable, "-m", "sampan.cli.app", words[0], "--name", NAME, *words[1:]]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, *flags: str) -> None:
        self.sampan("up", "--control-plane-only", *flags)

    def encrypt(self, *providers: dict[str, Any]) -> None:
        """Encrypt Secrets by these from the next start on."""
        self.encryption.write_text(text((["secrets"], list(providers))))

    def kubectl(self, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        command = [str(binary()), *words]
        return subprocess.run(
            command, env=self.environment, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )

    def succeeds(self, *words: str, stdin: str = "") -> str:
        done = self.kubectl(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def config(self) -> ClusterConfig:
        found = load(self.directory)
        assert found is not None
        return found

    def kill(self) -> None:
        """Kill the server; returns when it is gone."""
        pid = server_pid(self.config)
        assert pid is not None
        handle = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        select.select([handle], [], [], 30)
        os.close(handle)

    def stored(self) -> dict[str, bytes]:
        """The Secrets on the disk of a cluster that is down, as they lie there."""
        query = "SELECT key, value, type FROM log WHERE key LIKE '/core/secrets/default/%' ORDER BY revision"
        with closing(sqlite3.connect(self.directory / "store.db")) as database:
            return {name: value for name, value, type in database.execute(query) if type != 2}

    def told(self) -> list[dict[str, Any]]:
        """The audit log; of a server that was killed while it wrote, the last line may be torn."""
        lines = self.log.read_text().split("\n")
        return [json.loads(line) for line in lines if line.endswith("}")]


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    life = Life(tmp_path)
    yield life
    life.sampan("delete")


def secrets(count: int) -> str:
    """A list of Secrets whose data is looked for."""
    items = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"s{number}", "namespace": "default"},
            "data": {"key": base64.b64encode(f"LOOKED-FOR-{number}".encode()).decode()},
        }
        for number in range(count)
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def values(listed: str) -> dict[str, str]:
    """The data of listed Secrets, by name."""
    return {item["metadata"]["name"]: item["data"]["key"] for item in json.loads(listed)["items"]}


def test_rotation_by_kubectl_and_a_kill_in_the_middle(life: Life) -> None:
    audit = ["--audit-policy-file", str(life.folder / "policy.yaml"), "--audit-log-path", str(life.log)]
    life.up(*audit)
    life.succeeds("create", "-f", "-", stdin=secrets(SECRETS))
    before = values(life.succeeds("get", "secrets", "-o", "json"))
    life.sampan("down")
    assert all(b"data" in value for value in life.stored().values()) and len(before) == SECRETS

    life.encrypt(local("aesgcm", key("key1", "1")), IDENTITY_PROVIDER)
    life.up("--encryption-provider-config", str(life.encryption))
    listed = life.succeeds("get", "secrets", "-A", "-o", "json")
    replacing = threading.Thread(target=life.kubectl, args=("replace", "-f", "-"), kwargs={"stdin": listed})
    replacing.start()
    _wait_for_writes(life, SECRETS // 3)
    life.kill()
    replacing.join()
    life.up()
    assert values(life.succeeds("get", "secrets", "-o", "json")) == before
    life.succeeds("replace", "-f", "-", stdin=life.succeeds("get", "secrets", "-A", "-o", "json"))
    life.kill()
    life.up()
    assert values(life.succeeds("get", "secrets", "-o", "json")) == before
    life.sampan("down")
    assert all(value.startswith(b"k8s:enc:aesgcm:v1:key1:") for value in life.stored().values())

    life.encrypt(local("secretbox", key("key2", "2")), local("aesgcm", key("key1", "1")))
    life.up()
    life.succeeds("replace", "-f", "-", stdin=life.succeeds("get", "secrets", "-A", "-o", "json"))
    life.sampan("down")
    assert all(value.startswith(b"k8s:enc:secretbox:v1:key2:") for value in life.stored().values())

    life.encrypt(local("secretbox", key("key2", "2")))
    life.up()
    assert values(life.succeeds("get", "secrets", "-o", "json")) == before
    _told_of_everything(life)


def _wait_for_writes(life: Life, count: int) -> None:
    """Until kubectl has replaced so many."""
    end = time.monotonic() + 60
    while sum(event["verb"] == "update" for event in life.told()) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def _told_of_everything(life: Life) -> None:
    events = [event for event in life.told() if event["stage"] == "ResponseComplete"]
    made = [event["objectRef"]["name"] for event in events if event["verb"] == "create"]
    assert made == [f"s{number}" for number in range(SECRETS)]
    assert all(event["userAgent"].startswith("kubectl") for event in events)
    assert sum(event["verb"] == "update" for event in events) >= 2 * SECRETS
    assert b"LOOKED" not in life.log.read_bytes() and b"TE9PS0VE" not in life.log.read_bytes()


def test_a_cluster_with_a_kms_plugin(life: Life) -> None:
    socket = life.folder / "kms.sock"
    plugin = Plugin()
    life.encrypt(kms("plugin", socket))

    async def with_plugin() -> None:
        async with plugged(socket, plugin):
            await asyncio.to_thread(life.up, "--encryption-provider-config", str(life.encryption))
            await asyncio.to_thread(life.succeeds, "create", "-f", "-", stdin=secrets(3))
            health = await asyncio.to_thread(life.succeeds, "get", "--raw", "/healthz?verbose")
            assert "[+]kms-providers ok" in health
        unwell = await asyncio.to_thread(life.kubectl, "get", "--raw", "/readyz/kms-providers")
        assert unwell.returncode == 0 or "kms-provider-0" in unwell.stderr
        await asyncio.to_thread(life.kill)
        async with plugged(socket, plugin):
            await asyncio.to_thread(life.up)
            assert len(values(await asyncio.to_thread(life.succeeds, "get", "secrets", "-o", "json"))) == 3

    asyncio.run(with_plugin())
    life.sampan("down")
    files = b"".join(path.read_bytes() for path in life.directory.glob("store.db*"))
    assert b"k8s:enc:kms:v2:plugin:" in files and b"LOOKED" not in files and b"TE9PS0VE" not in files
