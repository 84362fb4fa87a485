"""A CEL value as JSON, as what an expression makes becomes part of an object.

Upstream: cel-go common/types (ConvertToNative to google.protobuf.Value).
"""

import base64
from typing import Any

from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.library.moments import duration_text, timestamp_text
from sampan.machinery.cel.values import NONE, Duration, Optional, Timestamp, UInt


def to_json(value: Any) -> Any:
    """A new tree; raises EvaluationError for what JSON has no form for (a type, a URL, NaN)."""
    if isinstance(value, dict):
        return {_key(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, Optional):
        return None if value is NONE else to_json(value.value)
    if isinstance(value, Timestamp):
        return timestamp_text(value)
    if isinstance(value, Duration):
        return duration_text(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return _scalar(value)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(key).lower() if isinstance(key, bool) else str(key)


def _scalar(value: Any) -> Any:
    if isinstance(value, UInt):
        return int(value)
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and value - value == 0):
        return value
    raise EvaluationError(f"a value of type {type(value).__name__} has no form in JSON")
