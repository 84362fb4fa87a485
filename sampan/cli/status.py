"""`sampan status`: which clusters there are on this machine, and how they do.

Asks the server with the administrator's certificate and nothing but the standard library. Exit status 0 if every
cluster shown runs and is ready.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sampan.cli.common import complain, find, known
from sampan.cluster.config import ClusterConfig

_TIMEOUT = 5.0  # seconds
_NAMED = 8  # nodes; of more the number is told


def register(subparsers: Any) -> None:
    """Add the command and its flags."""
    command: argparse.ArgumentParser = subparsers.add_parser("status", help="show clusters and how they do")
    command.add_argument("--name", help="only this cluster (default: all)")
    command.add_argument("-o", "--output", choices=("text", "json"), default="text")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every cluster's state."""
    if arguments.name:
        chosen = find(arguments.name)
        configs = [chosen] if chosen else []
    else:
        configs = known()
    if not configs:
        return 1 if arguments.name else complain("there is no cluster. Make one:\n    sampan up")
    states = [state_of(config) for config in configs]
    if arguments.output == "json":
        print(json.dumps(states))
    else:
        print("\n".join(describe(state) for state in states))
    return 0 if all(state["ready"] for state in states) else 1


def state_of(config: ClusterConfig) -> dict[str, Any]:
    """What `status -o json` shows of one cluster."""
    from sampan.cluster.process import server_pid

    pid = server_pid(config)
    state: dict[str, Any] = {
        "name": config.name,
        "running": pid is not None,
        "pid": pid,
        "ready": False,
        "server": config.server_url,
        "podCIDR": config.pod_cidr,
        "serviceCIDR": config.service_cidr,
        "loadBalancerPool": config.lb_pool,
        "state": config.state,
        "nodes": [],
        "problem": "",
    }
    if pid is not None:
        state["uptimeSeconds"] = uptime(pid)
        try:
            state["nodes"] = [_node(item) for item in _get(config, "/api/v1/nodes")["items"] or ()]
        except (OSError, ValueError, KeyError) as error:
            state["problem"] = f"the API server does not answer: {error}"
        nodes_are_ready = all(node["ready"] for node in state["nodes"])
        has_its_node = bool(state["nodes"]) or config.control_plane_only
        state["ready"] = not state["problem"] and nodes_are_ready and has_its_node
    return state


def describe(state: Mapping[str, Any]) -> str:
    """One cluster, for people."""
    if not state["running"]:
        flag = "" if state["name"] == "sampan" else f" --name {state['name']}"
        return f"{state['name']}: stopped; its objects are in {state['state']}. Start it:\n    sampan up{flag}"
    verdict = "ready" if state["ready"] else state["problem"] or "not ready"
    rows = [
        ("API", state["server"]),
        ("nodes", _nodes_line(state["nodes"])),
        ("ranges", f"services {state['serviceCIDR']}, pods {state['podCIDR']}, balancers {state['loadBalancerPool']}"),
        ("server", f"pid {state['pid']}, up {duration(state['uptimeSeconds'])}"),
        ("state", state["state"]),
    ]
    return "\n".join([f"{state['name']}: {verdict}", *(f"  {label:<8}{text}" for label, text in rows)])


def _nodes_line(nodes: Sequence[Mapping[str, Any]]) -> str:
    if not nodes:
        return "none"
    if len(nodes) > _NAMED:
        lost = [str(node["name"]) for node in nodes if not node["ready"]]
        names = ", ".join([*lost[:_NAMED], *(["..."] if len(lost) > _NAMED else [])])
        return f"{len(nodes) - len(lost)} of {len(nodes)} Ready" + (f"; NotReady: {names}" if lost else "")
    return ", ".join(f"{node['name']} {'Ready' if node['ready'] else 'NotReady'}" for node in nodes)


def _node(item: Mapping[str, Any]) -> dict[str, Any]:
    conditions = (item.get("status") or {}).get("conditions") or ()
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return {"name": item["metadata"]["name"], "ready": ready}


def _get(config: ClusterConfig, path: str) -> dict[str, Any]:
    """The API's answer as the cluster's administrator; raises OSError, ValueError."""
    import http.client
    import ssl
    from urllib.parse import urlsplit

    pki = config.directory / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    server = urlsplit(config.server_url)
    connection = http.client.HTTPSConnection(server.hostname or "", server.port, timeout=_TIMEOUT, context=context)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        response = connection.getresponse()
        body = response.read()
    except http.client.HTTPException as error:
        raise OSError(repr(error)) from error
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(f"{response.status} {response.reason}")
    found: dict[str, Any] = json.loads(body)
    return found


def uptime(pid: int) -> float:
    """Seconds since a process was started; 0 if it is gone."""
    import os
    from pathlib import Path

    from sampan.cluster.process import start_time

    ticks = start_time(pid)
    if not ticks:
        return 0.0
    since_boot = float(Path("/proc/uptime").read_text().split()[0])
    return max(0.0, since_boot - int(ticks) / os.sysconf("SC_CLK_TCK"))


def duration(seconds: float) -> str:
    """A time span as kubectl's AGE: 45s, 12m, 3h, 5d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
