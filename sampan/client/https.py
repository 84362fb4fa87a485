"""The client's transport over HTTPS."""

from sampan.client.kubeconfig import Access
from sampan.client.transport import Transport


def https_transport(access: Access, *, user_agent: str = "sampan", timeout: float = 60.0) -> Transport:
    """A transport to the cluster that `access` describes."""
    raise NotImplementedError
