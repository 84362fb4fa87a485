"""CEL expressions that select devices: whether they compile, make a boolean, and cannot cost too much.

The compiler is loaded with the first of them. Rules: k8s.io/dynamic-resource-allocation/cel.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, forbidden, invalid, required, too_long

if TYPE_CHECKING:
    from sampan.machinery.cel.environment import Environment

MOST = 32  # selectors of a request or class
_LONGEST = 10 * 1024


def validate_selectors(selectors: Iterable[Object], path: Path) -> Errors:
    """Every selector of a request or class; that there are too many is somebody else's to tell."""
    for index, selector in enumerate(selectors):
        at = path.index(index).child("cel")
        if (cel := selector.get("cel")) is None:
            yield required(at)
        else:
            yield from _expression(cel.get("expression") or "", at.child("expression"))


def _expression(text: str, path: Path) -> Errors:
    from sampan.machinery.cel.devices import SELECTOR_LIMIT
    from sampan.machinery.cel.errors import CompileError, InstantiationError
    from sampan.machinery.cel.types import BOOL, DYN, shown

    if len(text.encode(errors="replace")) > _LONGEST:
        yield too_long(path, _LONGEST)
        return
    try:
        program = _environment().compile(text)
    except CompileError as error:
        yield invalid(path, text, f"compilation failed: {error}")
    except InstantiationError as error:
        yield invalid(path, text, f"program instantiation failed: {error}")
    else:
        if program.result_type not in (BOOL, DYN):
            detail = f"must evaluate to bool or the unknown type, not {shown(program.result_type)}"
            yield invalid(path, text, detail)
        elif program.estimate.most > SELECTOR_LIMIT:
            yield forbidden(path, "too complex, exceeds cost limit")


@cache
def _environment() -> "Environment":
    from sampan.machinery.cel.devices import device_environment

    return device_environment()
