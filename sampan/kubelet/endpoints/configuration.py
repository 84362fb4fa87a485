"""/configz: what the kubelet was started with, as a KubeletConfiguration. Pure.

Fields: kubelet.config.k8s.io/v1beta1; those that mean something here, and have no other value behind their name.
"""

from sampan.kubelet.backoff import LONGEST
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.endpoints.access import ALLOWED_TTL, REFUSED_TTL, TOKEN_TTL
from sampan.kubelet.lease import LEASE_SECONDS
from sampan.machinery.meta import Object


def configz(config: KubeletConfig) -> Object:
    """The document."""
    return {"kubeletconfig": {**_server(config), **_node(config), **_pods(config)}}


def _server(config: KubeletConfig) -> Object:
    webhook = {"cacheAuthorizedTTL": seconds(ALLOWED_TTL), "cacheUnauthorizedTTL": seconds(REFUSED_TTL)}
    return {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "enableServer": True,
        "address": config.listen,
        "port": config.port,
        "authentication": {
            "x509": {},
            "webhook": {"enabled": True, "cacheTTL": seconds(TOKEN_TTL)},
            "anonymous": {"enabled": False},
        },
        "authorization": {"mode": "Webhook", "webhook": webhook},
        "enableDebuggingHandlers": True,
        "enableSystemLogHandler": True,
        "enableSystemLogQuery": False,
        "enableProfilingHandler": False,
        "enableDebugFlagsHandler": False,
    }


def _node(config: KubeletConfig) -> Object:
    return {
        "registerNode": True,
        "nodeStatusReportFrequency": seconds(config.status_interval),
        "nodeLeaseDurationSeconds": LEASE_SECONDS,
        "imageGCHighThresholdPercent": config.image_gc_high,
        "imageGCLowThresholdPercent": config.image_gc_low,
        "cgroupRoot": config.cgroup_root,
        "cgroupDriver": "systemd" if config.systemd_cgroup else "cgroupfs",
        "containerRuntimeEndpoint": f"unix://{config.cri_socket}",
        "maxPods": config.max_pods,
        "podCIDR": config.pod_cidr,
    }


def _pods(config: KubeletConfig) -> Object:
    return {
        "syncFrequency": seconds(config.sync_interval),
        "clusterDomain": config.cluster_domain,
        "clusterDNS": list(config.cluster_dns),
        "resolvConf": str(config.resolv_conf),
        "configMapAndSecretChangeDetectionStrategy": "Watch",
        "serializeImagePulls": False,
        "containerLogMaxSize": str(config.log_max_size),
        "containerLogMaxFiles": config.log_max_files,
        "podLogsDir": str(config.log_dir),
        "crashLoopBackOff": {"maxContainerRestartPeriod": seconds(LONGEST.total_seconds())},
    }


def seconds(value: float) -> str:
    """A duration as Go writes it: 5m0s."""
    whole = round(value)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{left}s"
