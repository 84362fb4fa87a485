"""Why a container says that it ended: its termination message file, or the end of its log.

Docs: "Determine the Reason for Pod Failure"; the limits are upstream's. Called by runtime.py once per ended container.
"""

from pathlib import Path

from sampan.kubelet.log_format import parse_line

MAX_MESSAGE = 4096
MAX_LOG_LINES = 80
MAX_LOG_BYTES = 2048


def termination_message(file: str, policy: str, exit_code: int, log: str) -> str:
    """The message: `file` and `log` are paths on the node, either may be "" or missing."""
    text = _beginning(file)
    if not text and policy == "FallbackToLogsOnError" and exit_code != 0:
        return _end_of_log(log)
    return text


def _beginning(file: str) -> str:
    if not file:
        return ""
    try:
        with Path(file).open("rb") as stream:
            return stream.read(MAX_MESSAGE).decode(errors="replace")
    except OSError:  # removed together with its pod
        return ""


def _end_of_log(log: str) -> str:
    try:
        with Path(log).open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(stream.tell() - 4 * MAX_LOG_BYTES, 0))
            lines = stream.read().splitlines(keepends=True)
    except OSError:
        return ""
    texts = [entry.text for line in lines if (entry := parse_line(line)) is not None]
    return b"".join(texts[-MAX_LOG_LINES:])[-MAX_LOG_BYTES:].decode(errors="replace")
