"""The flags of auditing, as kube-apiserver has them: names, what they take, and their help.

A table for the command line, which must not load what it is about; cluster/audit.py reads what was said. Upstream:
k8s.io/apiserver/pkg/server/options/audit.go.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Flag(NamedTuple):
    """One flag; `takes` is FILE, NAME, NUMBER, RATE, DURATION or BOOL."""

    name: str
    takes: str
    help: str

    @property
    def field(self) -> str:
        """As argparse calls it."""
        return self.name.replace("-", "_")


def _delivery(backend: str, mode: str) -> Iterator[Flag]:
    of = f"audit-{backend}"
    yield Flag(f"{of}-mode", "NAME", f"batch, blocking or blocking-strict; default: {mode}")
    yield Flag(f"{of}-version", "NAME", "audit.k8s.io/v1")
    yield Flag(f"{of}-batch-buffer-size", "NUMBER", "events that may wait; default: 10000")
    yield Flag(f"{of}-batch-max-size", "NUMBER", "events in a batch, at most")
    yield Flag(f"{of}-batch-max-wait", "DURATION", "how long a batch may wait for more")
    yield Flag(f"{of}-batch-throttle-enable", "BOOL", "whether batches are throttled")
    yield Flag(f"{of}-batch-throttle-qps", "RATE", "batches a second, on average")
    yield Flag(f"{of}-batch-throttle-burst", "NUMBER", "batches at once, at most")
    yield Flag(f"{of}-truncate-enabled", "BOOL", "whether large events lose their objects")
    yield Flag(f"{of}-truncate-max-batch-size", "NUMBER", "bytes of a batch, at most; default: 10485760")
    yield Flag(f"{of}-truncate-max-event-size", "NUMBER", "bytes of an event, at most; default: 102400")


FLAGS: tuple[Flag, ...] = (
    Flag("audit-policy-file", "FILE", "which requests are audited, and how closely; without it none is"),
    Flag("audit-log-path", "FILE", "where events are written, a line each; '-': the server's standard output"),
    Flag("audit-log-format", "NAME", "json or legacy; default: json"),
    Flag("audit-log-maxage", "NUMBER", "days that old files are kept; default: 366"),
    Flag("audit-log-maxbackup", "NUMBER", "old files that are kept; default: 100"),
    Flag("audit-log-maxsize", "NUMBER", "megabytes at which a file is put aside; default: 100"),
    Flag("audit-log-compress", "BOOL", "whether old files are compressed"),
    *_delivery("log", "blocking"),
    Flag("audit-webhook-config-file", "FILE", "a kubeconfig that names the server to which events are sent"),
    Flag("audit-webhook-initial-backoff", "DURATION", "until a failed call is tried again; default: 10s"),
    *_delivery("webhook", "batch"),
)
BY_FIELD = {flag.field: flag for flag in FLAGS}
