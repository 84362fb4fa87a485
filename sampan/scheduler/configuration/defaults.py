"""Fields that a configuration file leaves out. Pure. Source: pkg/scheduler/apis/config/v1/defaults.go."""

from collections.abc import Mapping
from typing import Any

from sampan.scheduler.configuration.configuration import DEFAULT_NAME, Configuration

_FIELDS: Mapping[str, Any] = {
    "parallelism": 16,
    "percentageOfNodesToScore": 0,
    "podInitialBackoffSeconds": Configuration().first_back_off,
    "podMaxBackoffSeconds": Configuration().longest_back_off,
}
_LEADER_ELECTION: Mapping[str, Any] = {
    "leaderElect": True,
    "leaseDuration": "15s",
    "renewDeadline": "10s",
    "retryPeriod": "2s",
    "resourceLock": "leases",
    "resourceNamespace": "kube-system",
    "resourceName": "kube-scheduler",
}


def with_default_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A whole configuration, as a tree. A single profile needs no name."""
    said = fields.get("leaderElection") or {}
    election = {**_LEADER_ELECTION, **{name: value for name, value in said.items() if value not in ("", "0", "0s")}}
    profiles = list(fields.get("profiles") or [{}])
    if len(profiles) == 1:
        profiles = [{"schedulerName": DEFAULT_NAME, **profiles[0]}]
    return {**_FIELDS, **fields, "leaderElection": election, "profiles": profiles}
