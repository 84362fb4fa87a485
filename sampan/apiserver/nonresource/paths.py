"""The table of paths that are no resources. Exact paths first, then prefixes; what is in neither is a 404."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sampan.apiserver.authentication.user import User
from sampan.apiserver.render.status import PageNotFound
from sampan.apiserver.requestinfo import RequestInfo
from sampan.machinery.errors import MethodNotAllowed
from sampan.transport.messages import Request, Response

Answer = Callable[[Request], Response | Awaitable[Response]]


@dataclass(slots=True)
class NonResource:
    """Filled by table.py."""

    exact: dict[str, Answer] = field(default_factory=dict)
    prefixes: dict[str, Answer] = field(default_factory=dict)  # first path segment -> answer
    late: Callable[[], Mapping[str, Answer]] = dict[
        str, Answer
    ]  # exact paths that are not made before one of them is asked for

    def serve(self, request: Request, user: User, info: RequestInfo) -> Response | Awaitable[Response]:
        """Raises PageNotFound, MethodNotAllowed."""
        path = request.path.rstrip("/") or "/"
        answer = self.exact.get(path) or self.prefixes.get(path.split("/")[1]) or self.late().get(path)
        if answer is None:
            raise PageNotFound
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        return answer(request)


def paths_document(paths: Iterable[str]) -> dict[str, list[str]]:
    """The answer of `/`: what there is."""
    return {"paths": sorted(path for path in paths if path != "/")}
