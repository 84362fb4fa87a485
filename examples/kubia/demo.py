"""`make demo`: the first page of the notes on a real cluster, every command shown as it runs.

    python -m examples.kubia.demo [CLUSTER]

It uses the cluster `sampan` (or the one named), making it if need be. Stopped by Ctrl-C or by a failure, it takes away
all that it made: the whole cluster if that was its own, else only its objects.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from examples.images import standins
from sampan.cli.app import main as sampan
from sampan.cluster import process
from sampan.cluster.config import ClusterConfig, home, load
from sampan.cluster.image_build import BuildError
from sampan.cluster.preflight import PreflightError

HERE = Path(__file__).parent
NAME = sys.argv[1] if len(sys.argv) > 1 else "sampan"
STOPPED = 130  # the exit status of a command that Ctrl-C ended
PATIENCE = 120  # seconds for any one thing to come true


class DemoError(Exception):
    """What did not happen."""


def main() -> int:
    """Run the demo; return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    before = load(home() / NAME)
    was_running = before is not None and process.server_pid(before) is not None
    try:
        return _run()
    except (DemoError, PreflightError, KeyboardInterrupt) as error:
        print(f"\n{str(error) or 'stopped'}; cleaning up", file=sys.stderr)
        if was_running:
            kubectl("delete", "rc/kubia", "svc/kubia-http", "--ignore-not-found", check=False)
        elif load(home() / NAME) is not None:
            sampan(["delete" if before is None else "down", "--name", NAME])
        return STOPPED if isinstance(error, KeyboardInterrupt) else 1


def _run() -> int:
    show("sampan up --install")
    status = sampan(["up", "--install", "--name", NAME])
    if status == STOPPED:  # `up` has already taken down what it had made
        raise KeyboardInterrupt
    if status != 0:
        raise DemoError("the cluster did not come up")
    config = load(home() / NAME)
    if config is None:
        raise DemoError("the cluster has no configuration")
    provide_image(config)
    standins.need_command("curl")
    kubectl("delete", "rc/kubia", "svc/kubia-http", "--ignore-not-found", check=False, quiet=True)
    kubectl("create", "-f", os.path.relpath(HERE / "kubia-rc.yaml"))
    kubectl("expose", "rc", "kubia", "--type=LoadBalancer", "--name", "kubia-http")
    address = external_address()
    kubectl("get", "svc")
    kubectl("scale", "rc", "kubia", "--replicas=3")
    wait_for_pods(3)
    kubectl("get", "pods", "-o", "wide")
    answers = ask_until(address, different=3)
    print(f"\n{len(answers)} pods answered behind one address. The cluster stays up: try `kubectl get pods`;")
    print("`sampan down` stops it, `sampan delete` removes it.")
    return 0


def provide_image(config: ClusterConfig) -> None:
    """See that luksa/kubia can be pulled; raises DemoError."""
    if standins.docker_hub_answers():
        return
    print("Docker Hub does not answer: luksa/kubia and what it is built from are made here.")
    try:
        standins.ensure(config, ["luksa/kubia"], lambda text: print(f"  {text}", flush=True))
    except (BuildError, PreflightError, subprocess.CalledProcessError) as error:
        raise DemoError(str(error)) from error


def show(command: str) -> None:
    """Print a command as a terminal would show it."""
    print(f"\n$ {command}", flush=True)


def kubectl(*words: str, check: bool = True, quiet: bool = False) -> str:
    """Run kubectl against the cluster, showing command and output; return the output."""
    if not quiet:
        show(shlex.join(["kubectl", *words]))
    command = [sys.executable, "-m", "sampan.cli.app", "kubectl", "--context", NAME, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if not quiet:
        print(done.stdout, end="", flush=True)
    if check and done.returncode:
        raise DemoError(f"kubectl exited with {done.returncode}")
    return done.stdout


def external_address() -> str:
    """The LoadBalancer's address, once it has one."""
    path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if address := kubectl("get", "svc", "kubia-http", "-o", path, quiet=True).strip():
            return address
    raise DemoError("kubia-http got no external address")


def wait_for_pods(count: int) -> None:
    """Wait until so many pods of kubia are ready."""
    deadline = time.monotonic() + PATIENCE
    while kubectl("get", "rc", "kubia", "-o", "jsonpath={.status.readyReplicas}", quiet=True) != str(count):
        if time.monotonic() > deadline:
            raise DemoError(f"kubia did not get {count} ready pods")


def ask(address: str) -> str:
    """What the application behind the address answers, "" if nothing yet."""
    command = ["curl", "-s", "-m", "5", f"http://{address}:8080"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def ask_until(address: str, different: int) -> set[str]:
    """curl the address until so many different pods have answered.

    Without a readiness probe a pod is ready before its application listens, so the first questions are asked quietly.
    """
    deadline, answers = time.monotonic() + PATIENCE, set[str]()
    while len(answers - {""}) < different:
        answers.add(ask(address))
        if time.monotonic() > deadline:
            raise DemoError(f"only {len(answers - {''})} different pods answered")
    answers.clear()
    while len(answers) < different:
        show(f"curl http://{address}:8080")
        answers.add(answer := ask(address))
        print(answer, end="", flush=True)
    return answers


if __name__ == "__main__":
    sys.exit(main())
