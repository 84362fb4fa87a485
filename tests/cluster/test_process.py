"""Finding and stopping the server process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sampan.cluster import process
from sampan.cluster.config import ClusterConfig
from tests.cluster.paper import cluster_config


@pytest.fixture
def config(tmp_path: Path) -> ClusterConfig:
    return cluster_config("x", tmp_path)


def test_a_pid_file_counts_only_while_that_very_process_lives(config: ClusterConfig) -> None:
    assert process.server_pid(config) is None
    process.write_pid(config)
    assert process.server_pid(config) == os.getpid()
    (config.directory / "server.start").write_text("1")  # as after a reboot: same number, another process
    assert process.server_pid(config) is None


def test_stop_asks_first(config: ClusterConfig) -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as child:
        assert process.stop(child.pid, grace=10)
    assert child.returncode == -15


def test_stop_insists_after_the_grace(config: ClusterConfig) -> None:
    script = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert not process.stop(child.pid, grace=0.05)
    assert child.returncode == -9


def test_stopping_what_is_gone_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    assert process.stop(child.pid)


def test_the_configuration_survives_a_round_trip(config: ClusterConfig) -> None:
    from sampan.cluster.config import load

    config.save()
    assert load(config.directory) == config
    assert load(config.directory / "none") is None


def test_a_server_is_known_before_it_has_noted_itself(config: ClusterConfig) -> None:
    words = [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as stranger:
        assert process.server_pid(config) is None
        stranger.kill()
    # the arguments of a server that is only just importing its modules
    script = config.directory / "sampan" / "cluster" / "server.py"
    script.parent.mkdir(parents=True)
    for package in (script.parent, script.parent.parent):
        (package / "__init__.py").touch()
    script.write_text("import signal; print(flush=True); signal.pause()")
    words = [sys.executable, "-m", "sampan.cluster.server", config.state]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=config.directory) as server:
        assert server.stdout is not None
        server.stdout.readline()
        assert process.server_pid(config) == server.pid
        process.stop(server.pid)
    assert process.server_pid(config) is None


def test_a_stopped_process_is_asked_too(config: ClusterConfig) -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as child:
        child.send_signal(signal.SIGSTOP)
        assert process.stop(child.pid, grace=10)
    assert child.returncode == -15
