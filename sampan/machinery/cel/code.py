"""What a compiled expression is made of: closures over a frame, each with the cost that running it always has.

A frame is a list: the cost so far, its limit, the work done (work.py), then the variables by slot. Fixed costs are
added up at compile time and charged once where control passes, so that accounting costs next to nothing; what depends
on values is charged as it happens.
Called by compiler.py and the modules that compile the kinds of nodes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sampan.machinery.cel.errors import BudgetExceeded
from sampan.machinery.cel.functions import Overload
from sampan.machinery.cel.syntax import Node
from sampan.machinery.cel.types import Type

Frame = list[Any]
Run = Callable[[Frame], Any]
COST, LIMIT, WORK, FIRST_SLOT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Code:
    """How to run a part, and what that costs however it ends.

    `attribute`: something with its fields and indices, which more may follow. `own`: the unit of its cost that upstream
    does not count where it is a branch or an index. `known`: it is a constant, `value`.
    """

    run: Run
    cost: int = 0
    attribute: bool = False
    own: int = 0
    known: bool = False
    value: Any = None


@dataclass
class Scope:
    """What the compilers share: the slots of variables, the functions, and how to compile a node."""

    compile: Callable[["Scope", Node], Code]
    functions: Mapping[str, tuple[Overload, ...]]
    slots: dict[str, int] = field(default_factory=dict)
    variables: dict[str, int] = field(default_factory=dict)  # those of the environment that are used
    bound: dict[int, Code] = field(default_factory=dict)  # by slot: what a name stands for, worked out when it is used
    size: int = FIRST_SLOT

    def code(self, node: Node) -> Code:
        """The code of a node."""
        return self.compile(self, node)

    def variable(self, name: str) -> int:
        """The slot of a name: a loop's, or else one of the environment's variables."""
        if name in self.slots:
            return self.slots[name]
        if name not in self.variables:
            self.variables[name] = self.new_slot()
        return self.variables[name]

    def new_slot(self) -> int:
        """A slot that nothing else uses."""
        self.size += 1
        return self.size - 1


def charge(frame: Frame, cost: int) -> None:
    """Add to the cost; raises BudgetExceeded beyond the limit."""
    frame[COST] += cost
    if frame[COST] > frame[LIMIT]:
        raise BudgetExceeded(frame[COST])


def constant(value: Any) -> Code:
    """Code that gives a value and costs nothing."""
    return Code(lambda frame: value, known=True, value=value)


def charged(code: Code) -> Run:
    """Code that pays its own fixed cost, for a branch that is not always taken."""
    run, cost = code.run, code.cost
    if not cost:
        return run

    def paid(frame: Frame) -> Any:
        total = frame[COST] = frame[COST] + cost
        if total > frame[LIMIT]:
            raise BudgetExceeded(total)
        return run(frame)

    return paid


def part_of_attribute(code: Code) -> Code:
    """A branch of `?:` or an index: a plain name in such a place costs nothing itself, as upstream counts."""
    return Code(code.run, code.cost - code.own) if code.own else code


SCALARS = frozenset(("bool", "int", "uint", "double", "timestamp", "duration"))


def scalar(type_: Type) -> bool:
    """A type whose values have the size 1 in cost accounting."""
    return type_.kind in SCALARS
