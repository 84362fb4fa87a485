"""What simulated nodes are like and how their pods behave: defaults, or the file of --simulate-config.

    apiVersion: simulation.sampan.internal/v1
    kind: Simulation
    seed: 7
    nodes:
      capacity: {cpu: "64", nvidia.com/gpu: "8"}    beside the defaults below, which are kwok's
      labels: {pool: large}
      zones: [a, b, c]                              topology.kubernetes.io/zone, in turn
    pods: {start: 500ms-2s, complete: 30}           script.py has the names
    events: true                                    the kubelet's events about pods; they cost as much as all the rest

Called by cluster/, to refuse what can't be and to start the nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sampan.kubelet.simulated.script import Script, changed
from sampan.machinery.component_config import ANYTHING, Malformed, check_kind, held_to, parse
from sampan.machinery.names import label_value, qualified_name
from sampan.machinery.quantity import QuantityError
from sampan.machinery.quantity import parse as quantity

GROUP, VERSION, KIND = "simulation.sampan.internal", "v1", "Simulation"
MOST_PODS = 1000  # of a node, which has about so many addresses for them

_SHAPE: Mapping[str, Any] = {
    "seed": int,
    "nodes": {"capacity": ANYTHING, "labels": ANYTHING, "zones": [str]},
    "pods": ANYTHING,
    "events": bool,
}
_CAPACITY: Mapping[str, str] = {
    "cpu": "32",
    "ephemeral-storage": "1Ti",
    "hugepages-1Gi": "0",
    "hugepages-2Mi": "0",
    "memory": "256Gi",
    "pods": "110",
}


class SimulationError(ValueError):
    """The file asks for what can't be; the message says what."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """All nodes are like this."""

    seed: int = 0
    capacity: Mapping[str, str] = field(default_factory=lambda: dict(_CAPACITY))
    labels: Mapping[str, str] = field(default_factory=dict)
    zones: tuple[str, ...] = ()
    pods: Script = field(default_factory=Script)
    events: bool = False


def read(path: str) -> Simulation:
    """The simulation in a file, "" for the defaults; raises SimulationError."""
    if not path:
        return Simulation()
    try:
        return simulation(Path(path).read_bytes())
    except OSError as error:
        raise SimulationError(f"{path}: {error.strerror}") from error
    except (Malformed, SimulationError) as error:
        raise SimulationError(f"{path}: {error}") from error


def simulation(text: bytes) -> Simulation:
    """The simulation in a text; raises Malformed, SimulationError."""
    tree, problems = parse(text)
    check_kind(tree, GROUP, (VERSION,), KIND)
    fields, unknown = held_to(tree, _SHAPE)
    script, wrong = changed(Script(), _object(fields, "pods"))
    nodes = fields.get("nodes") or {}
    made = Simulation(
        seed=fields.get("seed", 0),
        capacity={**_CAPACITY, **_capacity(_object(nodes, "capacity"), wrong)},
        labels=_labels(_object(nodes, "labels"), wrong),
        zones=_zones(nodes.get("zones") or [], wrong),
        pods=script,
        events=fields.get("events", False),
    )
    if problems := [*problems, *unknown, *wrong]:
        raise SimulationError(", ".join(problems))
    return made


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = fields.get(name)
    if found is not None and not isinstance(found, dict):
        raise SimulationError(f"{name} is no object")
    return {str(key): value for key, value in (found or {}).items()}


def _capacity(said: Mapping[str, Any], wrong: list[str]) -> dict[str, str]:
    """Resources as the API has them."""
    found = {name: str(amount) for name, amount in said.items()}
    for name, amount in found.items():
        try:
            parsed = quantity(amount)
        except QuantityError as error:
            wrong.append(f"capacity of {name}: {error}")
            continue
        if parsed.nano < 0 or (name == "pods" and parsed.value() > MOST_PODS):
            most = f" to {MOST_PODS}" if name == "pods" else ""
            wrong.append(f"capacity of {name}: {amount} is no amount from 0{most}")
        if "/" in name and (problem := _problem(qualified_name(name))):
            wrong.append(f"capacity of {name[:100]!r}: {problem}")
    return found


def _labels(said: Mapping[str, Any], wrong: list[str]) -> dict[str, str]:
    found = {name: str(value) for name, value in said.items()}
    for name, value in found.items():
        if problem := _problem(qualified_name(name)) or _problem(label_value(value)):
            wrong.append(f"label {name[:100]!r}: {problem}")
    return found


def _zones(said: list[str], wrong: list[str]) -> tuple[str, ...]:
    wrong += [f"zone {zone[:100]!r}: {problem}" for zone in said if (problem := _problem(label_value(zone)))]
    return tuple(said)


def _problem(found: Any) -> str:
    return str(next(iter(found), ""))
