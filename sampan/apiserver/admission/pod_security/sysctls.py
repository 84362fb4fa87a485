"""Checks of kernel settings: only those of the pod's own namespaces, as kernels have come to separate them."""

from sampan.apiserver.admission.pod_security.wording import Finding, security
from sampan.machinery.meta import Object

# The release of the policy, and the settings that it allows beyond those of the releases before.
_SAFE = (
    (0, ("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies")),
    (0, ("net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start")),
    (27, ("net.ipv4.ip_local_reserved_ports",)),
    (29, ("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout")),
    (29, ("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes")),
    (32, ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")),
    (37, ("net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat")),
)
RELEASES = tuple(sorted({minor for minor, _ in _SAFE}))


def unsafe(spec: Object, minor: int) -> Finding | None:
    """The settings that the policy of release 1.`minor` does not allow."""
    allowed = {name for since, names in _SAFE if since <= minor for name in names}
    used = [setting.get("name") or "" for setting in security(spec).get("sysctls") or ()]
    forbidden = [name for name in used if name not in allowed]
    return Finding("forbidden sysctls", ", ".join(forbidden)) if forbidden else None
