"""exec, attach and port-forward: which way a client's upgrade goes to the kubelet.

SPDY clients (kubectl before 1.30) are connected byte for byte. WebSocket clients are translated or unwrapped to SPDY,
except port-forward over WebSocket channels: that the container runtime speaks itself, so it is connected byte for byte.
"""

from sampan.apiserver.streaming.target import KubeletTarget, refuse_redirects, unreachable, without_secrets
from sampan.apiserver.streaming.translate import translate
from sampan.apiserver.streaming.tunnel import tunnel, tunnelled
from sampan.machinery.errors import BadRequest
from sampan.transport.messages import Reply, Request
from sampan.transport.relay import end_to_end, relay_upgrade
from sampan.transport.websocket import is_websocket


async def proxy_exec(target: KubeletTarget, request: Request) -> Reply:
    """pods/{name}/exec, over SPDY or WebSocket. Raises APIError."""
    if is_websocket(request):
        return translate(target, request)
    return await _relay(target, request)


async def proxy_attach(target: KubeletTarget, request: Request) -> Reply:
    """pods/{name}/attach, over SPDY or WebSocket. Raises APIError."""
    return await proxy_exec(target, request)


async def proxy_portforward(target: KubeletTarget, request: Request) -> Reply:
    """pods/{name}/portforward, over SPDY, a WebSocket tunnel, or WebSocket channels. Raises APIError."""
    if is_websocket(request) and tunnelled(request):
        return await tunnel(target, request)
    return await _relay(target, request)


async def _relay(target: KubeletTarget, request: Request) -> Reply:
    if not request.headers.get("upgrade"):
        raise BadRequest("Upgrade request required")
    headers = end_to_end(without_secrets(request).all_lines(), split=("x-stream-protocol-version",))
    try:
        reply = await relay_upgrade(target.client(), request, target.location, headers)
    except OSError as error:
        raise unreachable(target, error) from error
    return refuse_redirects(reply)
