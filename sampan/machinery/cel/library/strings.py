"""Texts beyond the standard's: characters, search, replace, split, join, quote.

Upstream: cel-go ext/strings.go (version 2, as Kubernetes takes it). `format` is in formatting.py.
"""

from typing import Any

from sampan.machinery.cel.errors import BudgetExceeded, EvaluationError
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.library.formatting import format_text

_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_QUOTED = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_LONGEST = 16 * 1024 * 1024  # what one call may make; the costs of texts near it are beyond every budget


def _out_of_range(index: int) -> EvaluationError:
    return EvaluationError(f"index out of range: {index}")


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise _out_of_range(index)
    return text[index : index + 1]


def _index_of(text: str, part: str, offset: int = 0) -> int:
    if offset < 0:
        raise _out_of_range(offset)
    if not part:
        return min(offset, len(text))
    return text.find(part, offset)


def _last_index_of(text: str, part: str, offset: int | None = None) -> int:
    if offset is None:
        return text.rfind(part)
    if offset < 0:
        raise _out_of_range(offset)
    if not part:
        return min(offset, len(text))
    if offset >= len(text):
        return -1
    return text.rfind(part, 0, offset + len(part))


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    times = len(text) + 1 if not old else text.count(old)
    if (times if count < 0 else min(count, times)) * len(new) > _LONGEST:
        raise BudgetExceeded(_LONGEST)
    return text.replace(old, new, count if count >= 0 else -1)


def _split(text: str, separator: str, count: int = -1) -> list[str]:
    if count == 0:
        return []
    if separator:
        return text.split(separator, count - 1 if count > 0 else -1)
    if 0 < count < len(text):
        return [*text[: count - 1], text[count - 1 :]]
    return list(text)


def _substring(text: str, start: int, end: int | None = None) -> str:
    last = len(text) if end is None else end
    if start > last and end is not None:
        raise EvaluationError(f"invalid substring range. start: {start}, end: {end}")
    if not 0 <= start <= len(text):
        raise _out_of_range(start)
    if not 0 <= last <= len(text):
        raise _out_of_range(last)
    return text[start:last]


def _join(values: list[Any], separator: str = "") -> str:
    if values and type(values[0]) is not str:
        raise EvaluationError("no such overload: join(list)")
    for value in values:
        if type(value) is not str:
            raise EvaluationError(f"join: invalid input: {value}")
    if len(separator) * len(values) + sum(map(len, values)) > _LONGEST:
        raise BudgetExceeded(_LONGEST)
    return separator.join(values)


def _quote(text: str) -> str:
    return '"' + "".join(_QUOTED.get(char, char) for char in text) + '"'


STRINGS = Library(
    "strings",
    (
        overload("string.charAt(int) -> string", _char_at),
        overload("string.indexOf(string) -> int", _index_of),
        overload("string.indexOf(string, int) -> int", _index_of),
        overload("string.lastIndexOf(string) -> int", _last_index_of),
        overload("string.lastIndexOf(string, int) -> int", _last_index_of),
        overload("string.lowerAscii() -> string", lambda text: text.translate(_LOWER)),
        overload("string.upperAscii() -> string", lambda text: text.translate(_UPPER)),
        overload("string.replace(string, string) -> string", _replace),
        overload("string.replace(string, string, int) -> string", _replace),
        overload("string.split(string) -> list(string)", _split),
        overload("string.split(string, int) -> list(string)", _split),
        overload("string.substring(int) -> string", _substring),
        overload("string.substring(int, int) -> string", _substring),
        overload("string.trim() -> string", lambda text: text.strip(_SPACE)),
        overload("string.format(list(dyn)) -> string", format_text, "string_format"),
        overload("strings.quote(string) -> string", _quote, "strings_quote"),
        overload("list(string).join() -> string", _join),
        overload("list(string).join(string) -> string", _join),
    ),
)
