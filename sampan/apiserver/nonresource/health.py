"""/healthz, /livez, /readyz: each check by name, plain text as upstream prints it."""

import inspect
from collections.abc import Awaitable, Callable, Mapping

from sampan.apiserver.query import parse_query
from sampan.transport.messages import Request, Response

# name -> what is wrong, or ""; a check that has to ask somebody is awaited
Checks = Mapping[str, Callable[[], str | Awaitable[str]]]
_TEXT = "text/plain; charset=utf-8"


def health(endpoint: str, checks: Checks, request: Request) -> Response | Awaitable[Response]:
    """All checks (or, at /livez/<name>, one); 500 when any fails. `?verbose` lists them, `?exclude=` skips one."""
    query = parse_query(request.raw_query)
    name = request.path.rstrip("/").removeprefix(f"/{endpoint}").lstrip("/")
    if name and name not in checks:
        return Response(404, b"404 page not found\n", _TEXT)
    excluded = query.get("exclude", "")
    asked = [name] if name else [check for check in checks if check != excluded]
    answers = {check: checks[check]() for check in asked}

    def reply(results: Mapping[str, str]) -> Response:
        if name:
            return _one(results[name])
        return _all(endpoint, results, excluded if excluded in checks else "", verbose="verbose" in query)

    told = {check: answer for check, answer in answers.items() if isinstance(answer, str)}
    return reply(told) if len(told) == len(answers) else _later(answers, reply)


async def _later(
    answers: Mapping[str, str | Awaitable[str]], reply: Callable[[Mapping[str, str]], Response]
) -> Response:
    return reply({name: await answer if inspect.isawaitable(answer) else answer for name, answer in answers.items()})


def _all(endpoint: str, results: Mapping[str, str], excluded: str, *, verbose: bool) -> Response:
    failed = any(results.values())
    if not failed and not verbose:
        return Response(200, b"ok", _TEXT)
    lines = [f"[-]{check} failed: {wrong}" if wrong else f"[+]{check} ok" for check, wrong in results.items()]
    if excluded:
        lines.append(f"[+]{excluded} excluded: ok")
    lines.append(f"{endpoint} check {'failed' if failed else 'passed'}")
    return Response(500 if failed else 200, "\n".join(lines).encode() + b"\n", _TEXT)


def _one(wrong: str) -> Response:
    return Response(500, f"internal server error: {wrong}\n".encode(), _TEXT) if wrong else Response(200, b"ok", _TEXT)
