"""What validation finds: problems with their places, until they become field errors. Called by this package only.

Upstream's two libraries meet here: kube-openapi's errors name a field in their text (`x in body should match 'a'`),
apiextensions wraps them in field errors of a type that depends on what went wrong, and what has no field of its own
(junctors, ranges) is put on the object as a whole.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sampan.machinery import errors
from sampan.machinery.errors import FieldError
from sampan.machinery.places import Place, text


class Problem(NamedTuple):
    """One thing that is wrong."""

    type: str  # errors.FIELD_*
    place: Place  # the field that the error names
    node: Place  # the node that found it; ratcheting asks whether this one has changed
    detail: str
    value: Any
    whole: bool = False  # the error is one of the whole object, and names the field in its detail only


class Problems(list[Problem]):
    """Problems of one pass, in upstream's order. `matches` counts the checks that were made, to compare branches."""

    __slots__ = ("matches",)

    def __init__(self) -> None:
        super().__init__()
        self.matches = 0

    def invalid(self, place: Place, value: Any, detail: str) -> None:
        """A value that is wrong, with the field's name before the detail."""
        self.unnamed(place, value, f"{text(place)} in body {detail}")

    def unnamed(self, place: Place, value: Any, detail: str) -> None:
        """A value that is wrong, with the detail as it is."""
        self.append(Problem(errors.FIELD_INVALID, place, place, detail, value))

    def wrong_type(self, place: Place, wanted: str, shown: str) -> None:
        """A value of another type or format than wanted."""
        detail = f'{text(place)} in body must be of type {wanted}: "{shown}"'
        self.append(Problem(errors.FIELD_TYPE_INVALID, place, place, detail, shown))

    def forbidden_property(self, place: Place, key: str) -> None:
        """A field where the schema allows no more."""
        self.unnamed(place, key, f"{text(place)}.{key} in body is a forbidden property")

    def whole(self, place: Place, detail: str) -> None:
        """Something wrong that upstream reports of the object as a whole."""
        self.append(Problem(errors.FIELD_INVALID, place, place, detail, "", True))


def as_go_shows(value: Any) -> Any:
    """A value as Go writes it that knows no type of it: fields sorted, whole floats without a point."""
    if isinstance(value, dict):
        return {key: as_go_shows(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [as_go_shows(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value


def field_errors(problems: Iterable[Problem], base: str = "") -> list[FieldError]:
    """Problems as field errors, each once. `base` is the path of what was validated."""
    found: dict[tuple[str, str, str], FieldError] = {}
    for problem in problems:
        below = "" if problem.whole else text(problem.place)
        path = ".".join(part for part in (base, below) if part) or "<nil>"
        error = FieldError(problem.type, path, problem.detail, as_go_shows(problem.value))
        found.setdefault((problem.type, path, problem.detail), error)
    return list(found.values())
