"""Where in a body something was found, as error messages show it: `spec.containers[0].name`.

Keeping a place costs a tuple; its text is made only for what is reported, since with a long key in a large body the
texts of all places would be many times the body. Called by jsonio.py, yamlio.py and structural/.
Form: sigs.k8s.io/json.
"""

from typing import Any

LIMIT = 100  # problems of one body, as many as upstream lists
_SHOWN = 256  # characters of one key

Place = tuple[Any, str | int] | None  # (the place around it, key or index); None is the body itself


def note(found: list[str], place: Place) -> None:
    """Add the text of a place to those that were found, unless there are enough."""
    if len(found) < LIMIT:
        found.append(text(place))


def text(place: Place) -> str:
    """The text of a place."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step[:_SHOWN]}" for step in steps_of(place)]
    return "".join(steps).removeprefix(".")


def steps_of(place: Place) -> list[str | int]:
    """The keys and indexes that lead to a place, from the outside in."""
    steps: list[str | int] = []
    while place is not None:
        place, step = place
        steps.append(step)
    return steps[::-1]
