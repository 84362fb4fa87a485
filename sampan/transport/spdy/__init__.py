"""SPDY/3.1, as Kubernetes clients speak it for exec, attach and port-forward: frames.py, session.py."""

from sampan.transport.spdy.frames import SPDYError
from sampan.transport.spdy.session import Session, Stream, StreamReset

__all__ = ["SPDYError", "Session", "Stream", "StreamReset"]
