"""What the user asked of `sampan up`. Made by cli/, settled by settle.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked of `sampan up`; empty or None leaves the choice to us."""

    name: str = "sampan"
    state_dir: str = ""
    kubeconfig: str = ""
    api_port: int | None = None
    listen: str = ""
    control_plane_only: bool = False
    nodes: int | None = None  # real ones, with the first
    simulate_nodes: int | None = None
    simulate_config: str | None = None
    legacy_discovery: str = ""
    cluster_signing_duration: str = ""
    enable_admission_plugins: str | None = None
    disable_admission_plugins: str | None = None
    admission_config_file: str | None = None
    encryption_provider_config: str | None = None
    encryption_reload: bool | None = None
    scheduler_config: str | None = None
    disable_scheduler: bool | None = None
    disable_controller_manager: bool | None = None
    authentication: Mapping[str, Any] = field(default_factory=dict)
    authorization: Mapping[str, Any] = field(default_factory=dict)
    audit: Mapping[str, str] = field(default_factory=dict)  # the flags --audit-* that were given
    controllers: Mapping[str, Any] = field(default_factory=dict)  # kube-controller-manager's that were given
