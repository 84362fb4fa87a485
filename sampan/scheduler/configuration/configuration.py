"""What a scheduler is told: its profiles, and what holds for all of them. Values; config_file.py reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sampan.scheduler.configuration.arguments import DEFAULT_ARGUMENTS
from sampan.scheduler.configuration.extender import ExtenderConfiguration
from sampan.scheduler.configuration.merging import DEFAULT_PLUGINS, Plugins

DEFAULT_NAME = "default-scheduler"


@dataclass(frozen=True, slots=True)
class ProfileConfiguration:
    """One profile: the scheduler of the pods that name it."""

    name: str = DEFAULT_NAME
    plugins: Plugins = DEFAULT_PLUGINS
    percentage_of_nodes_to_score: int = 0  # 0: the larger the cluster, the fewer
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: DEFAULT_ARGUMENTS)  # of plugins, by name


@dataclass(frozen=True, slots=True)
class Configuration:
    """One scheduler: the profiles share its queue and its state. Times are in seconds."""

    profiles: tuple[ProfileConfiguration, ...] = (ProfileConfiguration(),)
    first_back_off: int = 1
    longest_back_off: int = 10
    extenders: tuple[ExtenderConfiguration, ...] = ()
