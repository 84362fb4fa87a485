"""`'%s is %d'.format([...])`. Upstream: cel-go ext/formatting.go (the first version, which Kubernetes has)."""

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from sampan.machinery.cel.errors import BudgetExceeded, EvaluationError
from sampan.machinery.cel.library.moments import duration_text, timestamp_text
from sampan.machinery.cel.types import Type
from sampan.machinery.cel.values import Duration, Timestamp, TypeValue, UInt, type_name

_CLAUSE = re.compile(r"%(?:%|(?:\.([0-9]*))?(.?))", re.DOTALL)
_MOST_PRECISION = 1000
_LONGEST = 16 * 1024 * 1024  # characters of a result


def format_text(template: str, arguments: list[Any]) -> str:
    """The template with its clauses replaced."""
    used = size = 0
    parts, at = [], 0
    for match in _CLAUSE.finditer(template):
        parts.append(template[at : match.start()])
        at = match.end()
        if match[0] == "%%":
            parts.append("%")
            continue
        if used >= len(arguments):
            raise EvaluationError(f"index {used} out of range")
        parts.append(_clause(match, arguments[used]))
        used += 1
        size += len(parts[-1])
        if size > _LONGEST:
            raise BudgetExceeded(_LONGEST)
    return "".join([*parts, template[at:]])


def _clause(match: re.Match[str], value: Any) -> str:
    verb = match[2]
    if not verb:
        raise EvaluationError("could not parse formatting clause: unexpected end of string")
    if verb not in _VERBS:
        raise EvaluationError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')
    precision = int(match[1]) if match[1] else 6
    if precision > _MOST_PRECISION:
        raise EvaluationError(f"could not parse formatting clause: precision too large: {precision}")
    return _VERBS[verb](value, precision)


def format_issue(template: str, types: Sequence[Type]) -> tuple[str, int] | None:
    """What is wrong with a constant template for arguments of some types, and which argument it is (-1: none)."""
    used = 0
    for match in _CLAUSE.finditer(template):
        verb = match[2]
        if match[0] == "%%":
            continue
        if not verb:
            return "unexpected end of string", -1
        if verb not in _VERBS:
            return f'could not parse formatting clause: unrecognized formatting clause "{verb}"', -1
        if used >= len(types):
            return f"index {used} out of range", -1
        kinds, name, what = _ALLOWED[verb]
        if kinds and types[used].kind not in (*kinds, "dyn"):
            return (
                f"error during formatting: {name} clause can only be used on {what}, was given {types[used].name}",
                used,
            )
        used += 1
    return None


_INTEGERS = ("int", "uint")
_ALLOWED = {
    "s": ((), "", ""),
    "d": (_INTEGERS, "decimal", "integers"),
    "f": (("double",), "fixed-point", "doubles"),
    "e": (("double",), "scientific", "doubles"),
    "b": ((*_INTEGERS, "bool"), "binary", "integers and bools"),
    "o": (_INTEGERS, "octal", "integers"),
    "x": ((*_INTEGERS, "string", "bytes"), "hex", "integers, byte buffers, and strings"),
    "X": ((*_INTEGERS, "string", "bytes"), "hex", "integers, byte buffers, and strings"),
}


def text_of(value: Any) -> str:
    """What %s writes."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, (int, UInt)):
        return str(int(value))
    return _composite(value)


def _composite(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Timestamp):
        return timestamp_text(value)
    if isinstance(value, Duration):
        return duration_text(value)
    if isinstance(value, TypeValue):
        return value.name
    if isinstance(value, list):
        return "[" + ", ".join(_inside(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{_inside(key)}:{_inside(item)}" for key, item in value.items())) + "}"
    kinds = "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"
    raise _wrong("string", kinds, value)


def double_text(value: float) -> str:
    """A double with the fewest digits that mean it, as Go's %g: `1.5`, `1e+06`, `+Inf`."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    sign = "-" if math.copysign(1, value) < 0 else ""
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent) - 1
    if value == 0:
        return f"{sign}0"
    if -5 < point < 6:
        return sign + _plain(text, point)
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{sign}{text[0]}{fraction}e{'+' if point >= 0 else '-'}{abs(point):02}"


def _plain(digits: str, point: int) -> str:
    if point < 0:
        return "0." + "0" * (-point - 1) + digits
    whole, fraction = digits[: point + 1].ljust(point + 1, "0"), digits[point + 1 :]
    return f"{whole}.{fraction}" if fraction else whole


def _inside(value: Any) -> str:
    """A value in a list or map, quoted as CEL would write it."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bytes):
        return "b" + _quoted(value.decode(errors="replace"))
    if isinstance(value, float):
        return f"{value:.6f}" if math.isfinite(value) else _quoted(double_text(value))
    if isinstance(value, (Timestamp, Duration)):
        return f"{'timestamp' if isinstance(value, Timestamp) else 'duration'}({_quoted(text_of(value))})"
    return text_of(value)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def _wrong(verb: str, what: str, value: Any) -> EvaluationError:
    return EvaluationError(
        f"error during formatting: {verb} clause can only be used on {what}, was given {type_name(value)}"
    )


def _decimal(value: Any, precision: int) -> str:
    if type(value) in (int, UInt):
        return str(int(value))
    raise _wrong("decimal", "integers", value)


def _floating(form: str, verb: str) -> Callable[[Any, int], str]:
    def write(value: Any, precision: int) -> str:
        if value in ("NaN", "Infinity", "-Infinity"):
            value = float(value)
        if type(value) is not float:
            raise _wrong(verb, "doubles", value)
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
        return f"{value:,.{precision}f}" if form == "f" else _scientific(value)

    return write


def _scientific(value: float) -> str:
    """As the locale en_US has it, whatever precision was asked for: `1.500000×10⁰⁰`."""
    mantissa, _, exponent = f"{value:.6e}".partition("e")
    return f"{mantissa}×10{exponent.lstrip('+').translate(_RAISED)}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _binary(value: Any, precision: int) -> str:
    if type(value) in (int, UInt):
        return f"{int(value):b}"
    if type(value) is bool:
        return "1" if value else "0"
    raise _wrong("binary", "integers and bools", value)


def _octal(value: Any, precision: int) -> str:
    if type(value) in (int, UInt):
        return f"{int(value):o}"
    raise _wrong("octal", "integers", value)


def _hexadecimal(upper: bool) -> Callable[[Any, int], str]:
    def write(value: Any, precision: int) -> str:
        if type(value) in (int, UInt):
            text = f"{int(value):x}"
        elif isinstance(value, (str, bytes)):
            text = (value.encode() if isinstance(value, str) else value).hex()
        else:
            raise _wrong("hex", "integers, byte buffers, and strings", value)
        return text.upper() if upper else text

    return write


_VERBS: dict[str, Callable[[Any, int], str]] = {
    "s": lambda value, precision: text_of(value),
    "d": _decimal,
    "f": _floating("f", "fixed-point"),
    "e": _floating("e", "scientific"),
    "b": _binary,
    "o": _octal,
    "x": _hexadecimal(False),
    "X": _hexadecimal(True),
}
