"""How a command ended: from what the kubelet says on the error stream to the Status that the client gets.

After client-go's tools/remotecommand (errorDecoderV4) and the API server's StreamTranslator, texts included.
"""

from typing import Any

import orjson

from sampan.machinery.meta import Object

SUCCESS: Object = {"metadata": {}, "status": "Success"}


def outcome(message: bytes) -> Object:
    """The Status for a v4 error stream's content."""
    if not message:
        return internal_error("the connection to the kubelet was lost before the command ended")
    try:
        status = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        return internal_error(f"error stream protocol error: {error} in {message.decode('utf-8', 'replace')!r}")
    kind = status.get("status") if isinstance(status, dict) else None
    if kind == "Success":
        return SUCCESS
    if kind != "Failure":
        return internal_error("error stream protocol error: unknown error")
    if status.get("reason") != "NonZeroExitCode":
        return internal_error(status.get("message", ""))
    return _exit(status.get("details"))


def internal_error(text: str) -> Object:
    """A Status 500 as upstream's NewInternalError makes it."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {text}",
        "reason": "InternalError",
        "details": {"causes": [{"message": text}]},
        "code": 500,
    }


def _exit(details: Any) -> Object:
    if not details:
        return internal_error("error stream protocol error: details must be set")
    code = next((c.get("message", "") for c in details.get("causes") or () if c.get("reason") == "ExitCode"), None)
    if code is None:
        return internal_error("error stream protocol error: no ExitCode cause given")
    if not (code.isdecimal() and int(code) < 256):
        return internal_error(f'error stream protocol error: invalid exit code value "{code}"')
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": code}]},
    }
