"""Levels and stages of audit events (k8s.io/apiserver/pkg/apis/audit)."""

from enum import IntEnum, StrEnum


class Level(IntEnum):
    """How much an event tells; each level includes those before it."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3

    @property
    def label(self) -> str:
        """As files and events have it."""
        return _LABELS[self]


_LABELS = ("None", "Metadata", "Request", "RequestResponse")
BY_LABEL = {level.label: level for level in Level}


class Stage(StrEnum):
    """When an event tells it."""

    REQUEST_RECEIVED = "RequestReceived"
    RESPONSE_STARTED = "ResponseStarted"  # of what takes long, as watches: the head of the answer is sent
    RESPONSE_COMPLETE = "ResponseComplete"
    PANIC = "Panic"
