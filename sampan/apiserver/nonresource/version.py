"""/version: what we claim to be. Clients compare major and minor, which must be plain integers."""

import platform
from functools import cache

import orjson

from sampan import KUBERNETES_VERSION
from sampan.apiserver.accept import VERSION
from sampan.transport.messages import Request, Response


@cache
def version_info() -> dict[str, str]:
    """The version.Info tree."""
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": KUBERNETES_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": platform.python_implementation().lower(),
        "platform": f"linux/{machine}",
    }


def version_reply(request: Request) -> Response:
    """The answer of /version; raises NotAcceptable."""
    VERSION.route(request.headers.get("accept", ""))
    return Response(200, orjson.dumps(version_info(), option=orjson.OPT_INDENT_2))
