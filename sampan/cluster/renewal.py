"""Certificates renewed while the server runs: a month before one ends there is another, and all use it.

    pki.py makes it -> the API server and the kubelet show it from the next handshake on -> kubeconfigs are rewritten

Connections that are open go on: nobody asks again for a certificate that was good when they began, but the API server,
which looks at a client's with each request. The key of ServiceAccounts' tokens has no end and stays. Run by serving.py.
"""

import asyncio
import logging
import ssl
from pathlib import Path

from sampan.client.kubeconfig import KubeconfigError, refresh_cluster
from sampan.cluster.components import Cluster
from sampan.cluster.config import ConfigError, load
from sampan.cluster.key_material import key_material
from sampan.cluster.pki import PKIError
from sampan.cluster.start_errors import explain

log = logging.getLogger(__name__)

LONGEST, SHORTEST = 86400.0, 3600.0  # seconds between two looks: machines sleep, and clocks are set


async def keep_renewed(cluster: Cluster) -> None:
    """Until cancelled. What can't be renewed is told of, and tried again in an hour."""
    if cluster.renewed:  # at the start, by which only the kubeconfig of whoever started us is written anew
        await asyncio.to_thread(_rewrite_kubeconfigs, cluster)
    while True:
        due = (cluster.pki.next_renewal() - cluster.clock.now()).total_seconds()
        await cluster.clock.sleep(min(max(due, SHORTEST), LONGEST))
        try:
            await _renew(cluster)
        except (PKIError, OSError, ssl.SSLError, ValueError) as error:
            why = explain(error, cluster.config.state)
            log.error("certificates can't be renewed, and will be tried again: %s", why)


async def _renew(cluster: Cluster) -> None:
    new = await asyncio.to_thread(cluster.pki.ensure)
    if not new:
        return
    log.info("renewed: %s", ", ".join(sorted(new)))
    await cluster.api.renew(key_material(cluster.pki))
    for tell in cluster.on_renewal:
        tell()
    if "ca" in new:
        cluster.authority_renewed.set()
    if {"ca", "admin"} & new:
        await asyncio.to_thread(_rewrite_kubeconfigs, cluster)


def _rewrite_kubeconfigs(cluster: Cluster) -> None:
    """In every file that `up` has written, where the cluster still is in it."""
    config = cluster.config
    try:
        config = load(config.directory) or config  # another `up` may have written another file
    except (ConfigError, OSError) as error:
        log.error("only the kubeconfigs that were there at the start are written anew: %s", error)
    admin, ca = cluster.pki.pair("admin"), cluster.pki.read("ca.crt")
    for file in (config.directory / "kubeconfig", *map(Path, config.kubeconfigs)):
        try:
            refresh_cluster(file, config.name, config.server_url, ca, admin.certificate, admin.key)
        except (KubeconfigError, OSError) as error:
            log.error("%s has the old certificate: %s", file, error)
