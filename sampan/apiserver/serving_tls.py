"""The TLS contexts of an API server: for those who connect to it, and for its own connections to kubelets.

Each is made once and given other certificates while it is in use: whoever holds it need not know. Used by server.py.
"""

import ssl

from sampan.apiserver.config import APIServerConfig
from sampan.transport.tls import asking_context, client_context, renew


class ServingTLS:
    """`listening` is None where the port speaks plain HTTP, `kubelets` where kubelets do."""

    def __init__(self, config: APIServerConfig) -> None:
        self.listening: ssl.SSLContext | None = None
        self.kubelets: ssl.SSLContext | None = None
        if config.certificate:
            self.listening = asking_context(config.certificate, config.key, _trusted(config))
        if config.kubelet_client_certificate:
            keys = (config.kubelet_client_certificate, config.kubelet_client_key)
            self.kubelets = client_context(config.kubelet_ca, *keys)

    def renew(self, config: APIServerConfig) -> None:
        """Connections are made with these certificates from now on."""
        if self.listening is not None:
            renew(self.listening, config.certificate, config.key, _trusted(config))
        if self.kubelets is not None:
            renew(self.kubelets, config.kubelet_client_certificate, config.kubelet_client_key, config.kubelet_ca)


def _trusted(config: APIServerConfig) -> bytes:
    """Who signs clients' certificates, and front proxies'."""
    return (config.client_ca.rstrip() + b"\n" + config.requestheader_ca).strip()
