"""What a schema asks of strings: length in code points, pattern, format. Called by validation.py.

Of the lengths and the pattern, the first that fails is told alone, as upstream does.
"""

from sampan.machinery import errors
from sampan.machinery.places import Place, text
from sampan.machinery.structural import formats
from sampan.machinery.structural.patterns import Pattern, PatternError
from sampan.machinery.structural.problems import Problem, Problems
from sampan.machinery.structural.schema import Structural
from sampan.machinery.structural.words import Check


def string_checks(node: Structural) -> list[Check]:
    """The checks of a node for strings."""
    limited = node.raw.get("maxLength") is not None or node.raw.get("minLength") or node.raw.get("pattern")
    found = [_shape(node)] if limited else []
    format_ = format_of(node)
    check = formats.check_of(format_) if format_ else None
    return [*found, _format(format_, check)] if check else found


def format_of(node: Structural) -> str:
    """The format of a node where it is one that is checked for its type, or ""."""
    format_ = str(node.raw.get("format") or "")
    type_ = node.types[0] if len(node.types) == 1 else ""
    return format_ if format_ and formats.is_known(type_, format_) else ""


def _too_long(place: Place, limit: int, out: Problems) -> None:
    detail = f"may not be more than {limit} byte{'' if limit == 1 else 's'}"
    out.append(Problem(errors.FIELD_TOO_LONG, place, place, detail, None))


def declared_format(node: Structural) -> str:
    """The format that decides which types pass; upstream drops those that mean nothing, but not for defaults."""
    return str(node.raw.get("format") or "") if node.of_default else format_of(node)


def _shape(node: Structural) -> Check:
    longest, shortest = node.raw.get("maxLength"), node.raw.get("minLength") or 0
    pattern = _pattern(str(node.raw.get("pattern") or ""))

    def check(value: str, place: Place, out: Problems) -> None:
        if longest is not None and len(value) > longest:
            _too_long(place, longest, out)
        elif len(value) < shortest:
            out.invalid(place, value, f"should be at least {shortest} chars long")
        elif pattern is not None:
            pattern(value, place, out)

    return check


def _pattern(source: str) -> Check | None:
    if not source:
        return None
    try:
        pattern = Pattern(source)
    except PatternError as error:
        detail = f"should match '{source}, but pattern is invalid: {error}'"
        return lambda value, place, out: out.invalid(place, value, detail)

    def check(value: str, place: Place, out: Problems) -> None:
        if not pattern.found_in(value):
            out.invalid(place, value, f"should match '{source}'")

    return check


def _format(format_: str, good: formats.Check) -> Check:
    def check(value: str, place: Place, out: Problems) -> None:
        if not good(value):
            detail = f'{text(place)} in body must be of type {format_}: "{value}"'
            out.append(Problem(errors.FIELD_TYPE_INVALID, place, place, detail, value))

    return check
