"""/healthz, /livez, /readyz: each check by name, plain text as upstream prints it."""

from collections.abc import Callable, Mapping

from sampan.apiserver.query import parse_query
from sampan.transport.messages import Request, Response

Checks = Mapping[str, Callable[[], str]]  # name -> what is wrong, or ""
_TEXT = "text/plain; charset=utf-8"


def health(endpoint: str, checks: Checks, request: Request) -> Response:
    """All checks (or, at /livez/<name>, one); 500 when any fails. `?verbose` lists them, `?exclude=` skips one."""
    query = parse_query(request.raw_query)
    name = request.path.rstrip("/").removeprefix(f"/{endpoint}").lstrip("/")
    if name:
        return _one(checks, name)
    excluded = query.get("exclude", "")
    results = {check: probe() for check, probe in checks.items() if check != excluded}
    failed = [check for check, wrong in results.items() if wrong]
    if not failed and "verbose" not in query:
        return Response(200, b"ok", _TEXT)
    lines = [f"[-]{check} failed: {wrong}" if wrong else f"[+]{check} ok" for check, wrong in results.items()]
    if excluded in checks:
        lines.append(f"[+]{excluded} excluded: ok")
    lines.append(f"{endpoint} check {'failed' if failed else 'passed'}")
    return Response(500 if failed else 200, "\n".join(lines).encode() + b"\n", _TEXT)


def _one(checks: Checks, name: str) -> Response:
    probe = checks.get(name)
    if probe is None:
        return Response(404, b"404 page not found\n", _TEXT)
    wrong = probe()
    return Response(500, f"internal server error: {wrong}\n".encode(), _TEXT) if wrong else Response(200, b"ok", _TEXT)
