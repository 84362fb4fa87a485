"""A pod's resolv.conf from dnsPolicy and dnsConfig: pure, but for reading the node's own.

Docs: "DNS for Services and Pods". Called by sandbox_config.py and app.py; the runtime writes the pod's file.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sampan.kubelet.podspec import uses_host_network
from sampan.machinery.meta import Object

log = logging.getLogger(__name__)

MAX_SERVERS, MAX_SEARCHES, MAX_SEARCH_CHARACTERS = 3, 32, 2048


@dataclass(frozen=True, slots=True)
class Resolver:
    """The lines of a resolv.conf."""

    servers: list[str] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)


def parse_resolv_conf(text: str) -> Resolver:
    """A resolv.conf(5); the last search line counts."""
    servers, searches, options = [], [], []
    for line in text.splitlines():
        keyword, *values = line.split("#")[0].split(";")[0].split() or [""]
        if keyword == "nameserver" and values:
            servers.append(values[0])
        elif keyword == "search":
            searches = [value.rstrip(".") or "." for value in values]
        elif keyword == "options":
            options = values
    return Resolver(servers, searches, options)


def read_resolv_conf(path: Path) -> Resolver:
    """The node's own; empty where it can't be read, as resolvers take it."""
    try:
        return parse_resolv_conf(path.read_text(errors="replace"))
    except OSError as error:
        log.warning("the node's resolver configuration could not be read: %s", error)
        return Resolver()


def resolver_for(pod: Object, host: Resolver, cluster_servers: Iterable[str], domain: str) -> Resolver:
    """What the pod's containers resolve by; ClusterFirst means Default for pods on the host's network."""
    policy = pod["spec"].get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and uses_host_network(pod):
        policy = "Default"
    if policy in ("ClusterFirst", "ClusterFirstWithHostNet"):
        namespace = pod["metadata"]["namespace"]
        ours = [f"{namespace}.svc.{domain}", f"svc.{domain}", domain]
        base = Resolver(list(cluster_servers), _unique(ours + host.searches), ["ndots:5"])
    else:
        base = Resolver() if policy == "None" else host
    return _limited(_merged(base, pod["spec"].get("dnsConfig") or {}))


def _merged(base: Resolver, extra: Object) -> Resolver:
    options = dict(_option(text) for text in base.options)
    options |= {option["name"]: option.get("value") for option in extra.get("options") or ()}
    return Resolver(
        _unique(base.servers + list(extra.get("nameservers") or ())),
        _unique(base.searches + list(extra.get("searches") or ())),
        [f"{name}:{value}" if value is not None else name for name, value in options.items()],
    )


def _option(text: str) -> tuple[str, str | None]:
    name, colon, value = text.partition(":")
    return name, value if colon else None


def _limited(resolver: Resolver) -> Resolver:
    searches = resolver.searches[:MAX_SEARCHES]
    while len(" ".join(searches)) > MAX_SEARCH_CHARACTERS:
        searches = searches[:-1]
    return Resolver(resolver.servers[:MAX_SERVERS], searches, resolver.options)


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))
