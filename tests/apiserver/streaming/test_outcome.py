"""What error streams say, and what becomes of it."""

import orjson
import pytest

from sampan.apiserver.streaming.outcome import SUCCESS, outcome


def failure(**fields: object) -> bytes:
    return orjson.dumps({"status": "Failure", **fields})


def test_success() -> None:
    assert outcome(b'{"metadata":{},"status":"Success"}') == SUCCESS


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"", "the connection to the kubelet was lost before the command ended"),
        (b"[]", "error stream protocol error: unknown error"),
        (b'{"status":"Maybe"}', "error stream protocol error: unknown error"),
        (failure(message="no such file"), "no such file"),
        (failure(reason="NonZeroExitCode"), "error stream protocol error: details must be set"),
        (
            failure(reason="NonZeroExitCode", details={"causes": [{"reason": "Other"}]}),
            "error stream protocol error: no ExitCode cause given",
        ),
        (
            failure(reason="NonZeroExitCode", details={"causes": [{"reason": "ExitCode", "message": "256"}]}),
            'error stream protocol error: invalid exit code value "256"',
        ),
    ],
)
def test_errors(message: bytes, text: str) -> None:
    status = outcome(message)
    assert status["message"] == f"Internal error occurred: {text}"
    assert status["details"] == {"causes": [{"message": text}]}
    assert (status["reason"], status["code"]) == ("InternalError", 500)


def test_not_json() -> None:
    assert "error stream protocol error" in outcome(b"oops")["message"]
