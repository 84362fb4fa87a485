"""Streams between clients and kubelets: logs, exec, attach and port-forward, proxied by the API server.

Callers have authenticated and authorised the request and found the node; nothing here decides who may do what.
"""

from sampan.apiserver.streaming.log import proxy_log
from sampan.apiserver.streaming.target import KubeletTarget
from sampan.apiserver.streaming.upgrade import proxy_attach, proxy_exec, proxy_portforward

__all__ = ["KubeletTarget", "proxy_attach", "proxy_exec", "proxy_log", "proxy_portforward"]
