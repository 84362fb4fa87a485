"""Bytes on the wire, shared by the API server, the kubelet's server and the client: HTTP/1.1, WebSocket, SPDY/3.1, TLS.

Knows nothing of Kubernetes.
"""
