"""Streams between clients and kubelets: logs, exec, attach and port-forward, proxied by the API server.

Callers have authenticated and authorised the request and found the node; nothing here decides who may do what.
"""

from sampan.apiserver.streaming.target import KubeletTarget

__all__ = ["KubeletTarget", "proxy_attach", "proxy_exec", "proxy_log", "proxy_portforward"]

from sampan.transport.messages import Reply, Request


async def proxy_log(target: KubeletTarget, request: Request) -> Reply:
    """GET .../pods/{name}/log."""
    raise NotImplementedError


async def proxy_exec(target: KubeletTarget, request: Request) -> Reply:
    """pods/{name}/exec, over SPDY or WebSocket."""
    raise NotImplementedError


async def proxy_attach(target: KubeletTarget, request: Request) -> Reply:
    """pods/{name}/attach, over SPDY or WebSocket."""
    raise NotImplementedError


async def proxy_portforward(target: KubeletTarget, request: Request) -> Reply:
    """pods/{name}/portforward, over SPDY, a WebSocket tunnel, or WebSocket channels."""
    raise NotImplementedError
