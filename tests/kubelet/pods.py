"""Pods and what runs of them, for tests of pure functions."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sampan.kubelet.records import Container, PodRuntime, Sandbox, State
from sampan.machinery.meta import Object

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SANDBOX = Sandbox("sandbox-0", 0, ready=True, created=NOW, ips=("10.1.0.5",))


def pod(*containers: Object, status: Object | None = None, **spec: Any) -> Object:
    """A pod `default/web` with uid `u1`; without containers given it has one called `main`."""
    made: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", "uid": "u1", "generation": 1},
        "spec": {"restartPolicy": "Always", "containers": list(containers) or [spec_of("main")], **spec},
    }
    return made | ({"status": status} if status else {})


def spec_of(name: str, **fields: Any) -> Object:
    """A container's spec."""
    return {"name": name, "image": "img", **fields}


def ran(name: str = "main", code: int = 0, count: int = 0, ago: float = 60.0, **fields: Any) -> Container:
    """An instance that ended `ago` seconds before NOW."""
    end = NOW - timedelta(seconds=ago)
    times = {"created": end, "started": end, "finished": end}
    return Container(
        f"{name}-{count}", name, SANDBOX.id, State.EXITED, restart_count=count, exit_code=code, **(times | fields)
    )


def runs(name: str = "main", count: int = 0, **fields: Any) -> Container:
    """An instance that has run for a minute."""
    start = NOW - timedelta(seconds=60)
    return Container(
        f"{name}-{count}", name, SANDBOX.id, State.RUNNING, restart_count=count, created=start, started=start, **fields
    )


def runtime(*containers: Container, sandbox: Sandbox | None = SANDBOX) -> PodRuntime:
    """What the runtime has."""
    return PodRuntime((sandbox,) if sandbox else (), containers)
