"""What a server loads."""

import subprocess
import sys

_LOADED = "import sys, sampan.cluster.serving; print(*(name for name in sys.argv[1:] if name in sys.modules))"


def test_a_control_plane_alone_loads_nothing_of_a_node_or_of_web_sockets() -> None:
    never = ["grpc", "google.protobuf", "dnslib", "wsproto", "sampan.kubelet.app", "sampan.proxy.proxy"]
    command = [sys.executable, "-c", _LOADED, *never, "sampan.apiserver.app"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() == [
        "sampan.apiserver.app"
    ]
