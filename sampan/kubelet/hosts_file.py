"""The /etc/hosts that the kubelet manages in a pod. Pure.

Docs: "Adding entries to Pod /etc/hosts with HostAliases"; the header lines are upstream's, tools look for them.
"""

from collections.abc import Sequence

from sampan.kubelet.podspec import host_name
from sampan.machinery.meta import Object

_LOCAL = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def pod_hosts(pod: Object, ips: Sequence[str], domain: str) -> str:
    """For a pod with a network of its own."""
    name, subdomain = host_name(pod), pod["spec"].get("subdomain")
    names = name
    if subdomain:
        names = f"{name}.{subdomain}.{pod['metadata']['namespace']}.svc.{domain}\t{name}"
    own = "".join(f"{ip}\t{names}\n" for ip in ips)
    return f"# Kubernetes-managed hosts file.\n{_LOCAL}{own}{_aliases(pod)}"


def node_hosts(pod: Object, text: str) -> str:
    """For a pod on the host's network: the node's file, and the pod's aliases."""
    return f"# Kubernetes-managed hosts file (host network).\n{text}{_aliases(pod)}"


def _aliases(pod: Object) -> str:
    aliases = pod["spec"].get("hostAliases") or ()
    if not aliases:
        return ""
    lines = ["\t".join([alias["ip"], *(alias.get("hostnames") or ())]) for alias in aliases]
    return "\n# Entries added by HostAliases.\n" + "\n".join(lines) + "\n"
