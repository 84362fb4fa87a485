"""The schedulers that one process is: each has a name, by which pods ask for it, and a profile. Made by app.py.

They share state and queue, so that no two of them give away the same room.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from sampan.reconcile.events import EventRecorder
from sampan.scheduler.binding import BindingCycle
from sampan.scheduler.budgets import Budgets
from sampan.scheduler.configuration.configuration import Configuration, ProfileConfiguration
from sampan.scheduler.decision import Decider
from sampan.scheduler.dry_run import Limits
from sampan.scheduler.effects import Effects
from sampan.scheduler.extenders.extenders import Extenders
from sampan.scheduler.handle import Handle
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.preemption import Preemptor
from sampan.scheduler.profile import Profile, profile_of
from sampan.scheduler.state import ClusterState


@dataclass(frozen=True, slots=True)
class Shared:
    """What they have in common."""

    state: ClusterState
    nominations: Nominations
    budgets: Budgets
    chance: Random
    extenders: Extenders


@dataclass(frozen=True, slots=True)
class Served:
    """One of them: its plugins, and what decides and acts by them."""

    name: str
    profile: Profile
    decider: Decider
    preemptor: Preemptor
    cycle: BindingCycle
    recorder: EventRecorder
    effects: Effects


def served(configuration: Configuration, handle: Handle, shared: Shared) -> Mapping[str, Served]:
    """All of them by name."""
    return {profile.name: _one(profile, handle, shared) for profile in configuration.profiles}


def _one(configuration: ProfileConfiguration, handle: Handle, shared: Shared) -> Served:
    name, profile = configuration.name, profile_of(configuration, handle)
    recorder = EventRecorder(handle.client, name, handle.clock)
    extended = shared.extenders.judges
    decider = Decider(shared.state, profile, shared.chance, shared.nominations, extended=extended)
    args = configuration.arguments["DefaultPreemption"]
    limits = Limits(args["minCandidateNodesPercentage"], args["minCandidateNodesAbsolute"])
    return Served(
        name,
        profile,
        decider,
        Preemptor(shared.state, decider, shared.nominations, shared.budgets, shared.chance, limits, shared.extenders),
        BindingCycle(profile),
        recorder,
        Effects(handle.client, recorder, handle.clock, name),
    )
