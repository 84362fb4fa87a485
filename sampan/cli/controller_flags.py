"""The flags of `sampan up` that tell the controllers something: kube-controller-manager's, by their names there.

They go to cluster/controller_flags.py as they are given. Called by up.py.
"""

from sampan.cli.flag_table import DURATION, LIST, NUMBER, Flag

_SCALER = "horizontal-pod-autoscaler"

CONTROLLERS = (
    Flag("controllers", LIST, "which run: all, but not '-NAME'; without '*', those that are named (default: *)"),
    Flag("kube-api-qps", NUMBER, "requests a second of each controller, after its burst; -1: no limit (default: 20)"),
    Flag("kube-api-burst", NUMBER, "requests that a controller may make at once (default: 500)"),
    Flag("node-monitor-grace-period", DURATION, "how long a node may be silent before it is not ready (default: 50s)"),
    Flag("node-monitor-period", DURATION, "how often that is looked at (default: 5s)"),
    Flag("pvclaimbinder-sync-period", DURATION, "how often claims that wait for a volume are looked at (default: 15s)"),
    Flag(f"{_SCALER}-sync-period", DURATION, "how often each autoscaler is looked at (default: 15s)"),
    Flag(f"{_SCALER}-tolerance", NUMBER, "how far a metric may be from its target: 0.1 is a tenth (default: 0.1)"),
    Flag(f"{_SCALER}-downscale-stabilization", DURATION, "how long what asked for more pods holds (default: 5m)"),
    Flag(
        f"{_SCALER}-cpu-initialization-period", DURATION, "how long a pod's first use of CPU may mislead (default: 5m)"
    ),
    Flag(f"{_SCALER}-initial-readiness-delay", DURATION, "until when an unready pod never was ready (default: 30s)"),
    Flag("terminated-pod-gc-threshold", NUMBER, "finished pods that are kept; 0: all (default: 12500)"),
)
