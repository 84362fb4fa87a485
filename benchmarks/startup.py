"""How long `sampan up` takes, and what an idle server costs.

Each run makes a cluster of its own, measures it and deletes it. Memory is the server process's proportional set size;
CPU is what the process used over a quiet stretch, as a share of one core. containerd is reported beside it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sampan.cluster.config import ClusterConfig, load
from sampan.cluster.process import server_pid

RUNS = 5
QUIET_SECONDS = 20.0


def main() -> None:
    """Print one JSON line."""
    with tempfile.TemporaryDirectory(prefix="sampan-bench.") as home:
        environment = os.environ | {"SAMPAN_HOME": home, "KUBECONFIG": f"{home}/kubeconfig"}
        first = measure_up(environment)
        config = load(Path(home) / "bench")
        assert config is not None
        try:
            again = []
            for _ in range(RUNS):
                sampan(environment, "down")
                again.append(measure_up(environment))
            idle = measure_idle(config)
        finally:
            sampan(environment, "delete")
    figures = {"first_up_s": round(first, 2), "up_p50_s": round(statistics.median(again), 2), "runs": RUNS, **idle}
    print(json.dumps({"benchmark": "startup", **figures}), flush=True)


def sampan(environment: dict[str, str], command: str) -> None:
    """Run one subcommand on the benchmark's cluster."""
    words = [sys.executable, "-m", "sampan.cli.app", command, "--name", "bench"]
    subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL)


def measure_up(environment: dict[str, str]) -> float:
    """Seconds from the command to Node Ready."""
    began = time.perf_counter()
    sampan(environment, "up")
    return time.perf_counter() - began


def measure_idle(config: ClusterConfig) -> dict[str, float]:
    """What the server and its containerd use while nothing happens."""
    server = server_pid(config)
    assert server is not None
    containerd = children_named("containerd", str(config.directory))
    time.sleep(QUIET_SECONDS / 4)  # let start-up work end; what is measured is the rest
    before = [cpu_seconds(pid) for pid in (server, *containerd)]
    time.sleep(QUIET_SECONDS)
    used = [after - was for after, was in zip((cpu_seconds(p) for p in (server, *containerd)), before, strict=True)]
    return {
        "server_mb": round(memory_mb(server), 1),
        "server_cpu_percent": round(100 * used[0] / QUIET_SECONDS, 2),
        "containerd_mb": round(sum(memory_mb(pid) for pid in containerd), 1),
        "containerd_cpu_percent": round(100 * sum(used[1:]) / QUIET_SECONDS, 2),
    }


def children_named(name: str, argument: str) -> list[int]:
    """Processes whose command is `name` with an argument that contains `argument`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0].endswith(name) and any(argument in word for word in words[1:]):
            found.append(int(path.parent.name))
    return found


def memory_mb(pid: int) -> float:
    """Proportional set size."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no Pss for {pid}")


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
