"""`sampan up`: bring a cluster up, each step with its time, and say what to do next."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

from sampan import KUBERNETES_VERSION, __version__
from sampan.cli import audit_flags
from sampan.cli.authentication_flags import AUTHENTICATION
from sampan.cli.authorization_flags import AUTHORIZATION
from sampan.cli.common import add_name, complain, truth
from sampan.cli.controller_flags import CONTROLLERS
from sampan.cli.flag_table import add_flags, given
from sampan.cli.step_table import StepTable


def register(subparsers: Any) -> None:
    """Add the command and its flags."""
    command: argparse.ArgumentParser = subparsers.add_parser("up", help="bring a cluster up")
    add_name(command)
    command.add_argument("--control-plane-only", action="store_true", help="no node: needs neither root nor containerd")
    command.add_argument("--nodes", type=_number, metavar="N", help="each further one in a network of its own")
    command.add_argument(
        "--simulate-nodes", type=_number, metavar="N", help="nodes without containers: need neither root nor containerd"
    )
    command.add_argument("--simulate-config", metavar="FILE", help="how simulated nodes and their pods behave")
    command.add_argument("--state-dir", default="", metavar="DIR", help="default: $SAMPAN_HOME/<name>")
    command.add_argument("--kubeconfig", default="", metavar="FILE", help="default: $KUBECONFIG or ~/.kube/config")
    command.add_argument("--api-port", type=_port, metavar="PORT", help="default: 6443, or the next free one")
    command.add_argument("--listen", default="", metavar="ADDRESS", help="default: loopback and the node's address")
    command.add_argument(
        "--legacy-discovery",
        default="",
        choices=("auto", "always", "never"),
        help="who finds versions that upstream has removed: by default those who map manifests, kubectl and Helm",
    )
    command.add_argument("--enable-admission-plugins", metavar="NAMES", help="besides those that run by default")
    command.add_argument("--disable-admission-plugins", metavar="NAMES", help="of those that run by default")
    command.add_argument("--admission-control-config-file", metavar="FILE", help="how admission plugins behave")
    command.add_argument(
        "--cluster-signing-duration",
        type=_duration,
        metavar="DURATION",
        help="how long certificates of CertificateSigningRequests are good for at most; default: 8760h",
    )
    command.add_argument("--encryption-provider-config", metavar="FILE", help="how data is encrypted at rest")
    command.add_argument(
        "--encryption-provider-config-automatic-reload",
        nargs="?",
        const=True,
        type=truth,
        metavar="true|false",
        help="follow changes of that file",
    )
    add_flags(command, "authentication", AUTHENTICATION)
    add_flags(command, "authorization", AUTHORIZATION)
    audit_flags.add_audit(command)
    add_flags(command, "controllers", CONTROLLERS, of="kube-controller-manager")
    command.add_argument("--scheduler-config", metavar="FILE", help="kube-scheduler's --config: its profiles")
    for component in ("scheduler", "controller-manager"):
        says = f"run no {component}: another one does its work"
        command.add_argument(
            f"--disable-{component}", nargs="?", const=True, type=truth, metavar="true|false", help=says
        )
    command.add_argument("--install", action="store_true", help="install missing Debian packages")
    command.add_argument("--foreground", action="store_true", help="stay; Ctrl-C takes the cluster down")
    command.set_defaults(run=run)


def _port(word: str) -> int:
    number = int(word) if word.isdecimal() else 0
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"{word!r} is no port; 1 to 65535")
    return number


def _number(word: str) -> int:
    if not word.isdecimal() or not word.isascii() or len(word) > 9:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of nodes")
    return int(word)


def _duration(word: str) -> str:
    from sampan.machinery.durations import parse_duration

    try:
        if parse_duration(word) > 0:
            return word
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{word!r} is no duration as 8760h or 10m")


def run(arguments: argparse.Namespace) -> int:
    """Bring the cluster up."""
    table = StepTable()
    from sampan.cluster import lifecycle, preflight, process, settle
    from sampan.cluster.config import home
    from sampan.cluster.start_errors import explain

    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?", arguments.name):
        return complain(f"{arguments.name!r} can't be a cluster's name: lower-case letters, digits and '-', at most 32")
    print(f"Sampan {__version__}, Kubernetes {KUBERNETES_VERSION}")
    table.line("command loaded")
    try:
        if has_real_node(arguments):
            preflight.check(install_missing=arguments.install, say=lambda text: print(f"  {text}", flush=True))
            table.line("machine checked")
        config = settle.settle(wishes_of(arguments))
        with lifecycle.exclusive(config):
            table.line("configuration")
            started = lifecycle.start(config, table.line)
            path = lifecycle.write_kubeconfig(config)
            table.line("kubeconfig")
    except (lifecycle.LifecycleError, preflight.PreflightError) as error:
        return complain(str(error))
    except OSError as error:
        return complain(explain(error, str(home())))
    except KeyboardInterrupt:
        return _give_up(arguments)
    print(f"Cluster {config.name} is {f'ready after {table.total:.2f} s' if started else 'running'}.")
    print(f"{path} has it as its current context, {config.name}. Next:\n    {_kubectl(config.name)} get nodes")
    pid = process.server_pid(config)
    return _stay(arguments, pid) if arguments.foreground and pid else 0


def has_real_node(arguments: argparse.Namespace) -> bool:
    """Whether there is going to be one, by what is asked for or by what the cluster has been so far."""
    if arguments.control_plane_only or arguments.simulate_nodes:
        return False
    from sampan.cluster.config import ConfigError, home, load

    try:
        existing = load(Path(arguments.state_dir) if arguments.state_dir else home() / arguments.name)
    except (ConfigError, OSError):  # settle.py says what to do
        return True
    return arguments.simulate_nodes is None if existing is None else not existing.control_plane_only


def wishes_of(arguments: argparse.Namespace) -> Any:
    """What the flags ask for (cluster/wishes.py)."""
    from sampan.cluster.wishes import Wishes

    return Wishes(
        name=arguments.name,
        state_dir=arguments.state_dir,
        kubeconfig=arguments.kubeconfig,
        api_port=arguments.api_port,
        listen=arguments.listen,
        control_plane_only=arguments.control_plane_only,
        nodes=arguments.nodes,
        simulate_nodes=arguments.simulate_nodes,
        simulate_config=arguments.simulate_config,
        legacy_discovery=arguments.legacy_discovery,
        enable_admission_plugins=arguments.enable_admission_plugins,
        disable_admission_plugins=arguments.disable_admission_plugins,
        admission_config_file=arguments.admission_control_config_file,
        cluster_signing_duration=arguments.cluster_signing_duration or "",
        encryption_provider_config=arguments.encryption_provider_config,
        encryption_reload=arguments.encryption_provider_config_automatic_reload,
        authentication=given(arguments, AUTHENTICATION),
        authorization=given(arguments, AUTHORIZATION),
        audit=audit_flags.given(arguments),
        controllers=given(arguments, CONTROLLERS),
        scheduler_config=arguments.scheduler_config,
        disable_scheduler=arguments.disable_scheduler,
        disable_controller_manager=arguments.disable_controller_manager,
    )


def _kubectl(name: str) -> str:
    import shutil

    if shutil.which("kubectl"):
        return "kubectl"
    return "sampan kubectl" if name == "sampan" else f"sampan kubectl --context {name}"


def _stay(arguments: argparse.Namespace, pid: int) -> int:
    """Wait for the server's end or Ctrl-C."""
    import select

    handle = os.pidfd_open(pid)
    try:
        print("Running in the foreground; Ctrl-C takes the cluster down.", flush=True)
        select.select([handle], [], [])
        return complain(f"the server ended by itself; see\n    sampan logs --name {arguments.name}")
    except KeyboardInterrupt:
        return _give_up(arguments)
    finally:
        os.close(handle)


def _give_up(arguments: argparse.Namespace) -> int:
    """Ctrl-C: leave nothing behind but the state."""
    from sampan.cli import down

    print()
    down.run(arguments)
    return 130
