"""The flags of `sampan up` that tell the controllers something: kube-controller-manager's, by their names there.

They go to cluster/controller_flags.py as they are given. Called by up.py.
"""

from sampan.cli.flag_table import DURATION, LIST, NUMBER, Flag

CONTROLLERS = (
    Flag("controllers", LIST, "which run: all, but not '-NAME'; without '*', those that are named (default: *)"),
    Flag("kube-api-qps", NUMBER, "requests a second of each controller, after its burst; -1: no limit (default: 20)"),
    Flag("kube-api-burst", NUMBER, "requests that a controller may make at once (default: 500)"),
    Flag("node-monitor-grace-period", DURATION, "how long a node may be silent before it is not ready (default: 50s)"),
    Flag("node-monitor-period", DURATION, "how often that is looked at (default: 5s)"),
    Flag("pvclaimbinder-sync-period", DURATION, "how often claims that wait for a volume are looked at (default: 15s)"),
    Flag("terminated-pod-gc-threshold", NUMBER, "finished pods that are kept; 0: all (default: 12500)"),
)
