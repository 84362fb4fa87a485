"""A pull-only image registry on loopback, serving the cluster's own OCI layout.

containerd asks it before any other registry (registry_hosts), so an image that `sampan image build` or `load` took in
is pulled like any other, `imagePullPolicy: Always` included, with no network. Runs inside the server process, and
inside those of further nodes, whose loopback is another.
Protocol: OCI distribution-spec v1.1, the pull category.
"""

import asyncio
import json
from pathlib import Path

from sampan.cluster.image_layout import Layout, Reference
from sampan.cluster.oci import MANIFEST
from sampan.transport.messages import Request, Response
from sampan.transport.server import HTTPServer


def registry_hosts(port: int) -> str:
    """hosts.toml for containerd's `_default` namespace: ask this registry first, then the image's own."""
    return f'[host."http://127.0.0.1:{port}"]\n  capabilities = ["pull", "resolve"]\n'


class Registry:
    """The request handler; give it to a transport server bound to loopback."""

    def __init__(self, directory: Path) -> None:
        self.layout = Layout(directory)

    def __call__(self, request: Request) -> Response:
        """Answer one request of the distribution API."""
        if request.method not in ("GET", "HEAD"):
            return _error(405, "UNSUPPORTED", "this registry is read-only")
        parts = request.path.strip("/").split("/")
        if parts == ["v2"]:
            return Response(200, b"{}")
        if len(parts) < 4 or parts[0] != "v2":
            return _error(404, "NAME_UNKNOWN", "no such repository")
        name, what, reference = "/".join(parts[1:-2]), parts[-2], parts[-1]
        if what == "manifests":
            return self._manifest(_namespace(request), name, reference)
        if what == "blobs":
            return self._blob(reference, "application/octet-stream")
        return _error(404, "UNSUPPORTED", "only manifests and blobs are served")

    def _manifest(self, registry: str, name: str, reference: str) -> Response:
        if ":" in reference:
            return self._blob(reference, MANIFEST)
        try:
            found = self.layout.find(Reference(registry, name, reference))
        except (OSError, ValueError) as error:
            return _error(500, "UNKNOWN", str(error))
        if found is None:
            return _error(404, "MANIFEST_UNKNOWN", f"{registry}/{name}:{reference} is not here")
        return self._blob(found["digest"], found["mediaType"])

    def _blob(self, digest: str, media_type: str) -> Response:
        path = self.layout.blob_path(digest)
        if path is None:
            return _error(404, "BLOB_UNKNOWN", f"{digest} is not here")
        return Response(200, path.read_bytes(), media_type, [("Docker-Content-Digest", digest)])


def _namespace(request: Request) -> str:
    """The registry that the client believes it is asking: containerd's ns parameter; Docker Hub without one."""
    for pair in request.raw_query.split("&"):
        key, _, value = pair.partition("=")
        if key == "ns" and value:
            return value
    return "docker.io"


async def serve_registry(directory: Path, port: int) -> None:
    """Serve the images below a directory on loopback until cancelled."""
    server = HTTPServer(Registry(directory))
    await server.start("127.0.0.1", port)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await server.stop()


def _error(status: int, code: str, message: str) -> Response:
    return Response(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode())
