"""A home directory with a cluster in it, and the `sampan` command as its user has it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from sampan.cluster.config import ClusterConfig, free_port, load
from sampan.cluster.process import server_pid, stop


class Place:
    """A home directory with one cluster in it, which has no node unless it is asked for."""

    def __init__(self, home: Path, name: str = "x", *, node: bool = False) -> None:
        self.home, self.directory, self.name, self.node = home, home / name, name, node
        # below those that connections are made from, any of which may be taken at any moment
        self.port = free_port(20_000 + os.getpid() * 7 % 10_000, set(), "127.0.0.1")
        self.environment = os.environ | {"SAMPAN_HOME": str(home), "KUBECONFIG": str(home / "config")}

    def sampan(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "sampan.cli.app", *words, "--name", self.name]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def up(self) -> str:
        """What stands in the way of a start; "" if nothing does."""
        alone = [] if self.node else ["--control-plane-only", "--listen", "127.0.0.1"]
        done = self.sampan("up", *alone, "--api-port", str(self.port))
        return done.stderr if done.returncode else ""

    @property
    def config(self) -> ClusterConfig:
        found = load(self.directory)
        assert found is not None
        return found

    def end(self) -> None:
        """Kill the server, if one runs."""
        if (self.directory / "cluster.json").is_file() and (pid := server_pid(self.config)):
            os.kill(pid, signal.SIGKILL)
            stop(pid)


def command_in(message: str, file: Path) -> str:
    """The command of a message that says enough."""
    assert "Traceback" not in message and "Error:" not in message, message
    assert str(file) in message, message
    commands = [line.strip() for line in message.splitlines() if line.startswith("    ")]
    assert commands, message
    return commands[0]


def mend(command: str) -> None:
    subprocess.run(["sh", "-c", command], check=True)
