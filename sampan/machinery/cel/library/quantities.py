"""Quantities. Upstream: apiserver pkg/cel/library/quantity.go."""

from sampan.machinery import quantity
from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.values import INT_MAX, INT_MIN, Extension

_NANO = 10**9
_SINCE = (1, 28)


class Quantity(Extension):
    """A quantity as a value; equal if its amount is."""

    __slots__ = ("amount",)
    name = "kubernetes.Quantity"

    def __init__(self, amount: quantity.Quantity) -> None:
        self.amount = amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.amount.nano == other.amount.nano

    def __hash__(self) -> int:
        return hash(self.amount.nano)


def _parse(text: str) -> Quantity:
    try:
        return Quantity(quantity.parse(text))
    except quantity.QuantityError as error:
        raise EvaluationError(str(error)) from None


def _is_quantity(text: str) -> bool:
    try:
        quantity.parse(text)
    except quantity.QuantityError:
        return False
    return True


def _is_integer(value: Quantity) -> bool:
    whole, rest = divmod(value.amount.nano, _NANO)
    return rest == 0 and INT_MIN <= whole < INT_MAX  # the greatest stands for all that are larger


def _as_integer(value: Quantity) -> int:
    if not _is_integer(value):
        raise EvaluationError("cannot convert value to integer")
    return value.amount.nano // _NANO


def _compare(left: Quantity, right: Quantity) -> int:
    return (left.amount.nano > right.amount.nano) - (left.amount.nano < right.amount.nano)


def _of_int(value: int) -> Quantity:
    return Quantity(quantity.Quantity(value * _NANO))


_T = "kubernetes.Quantity"
QUANTITIES = Library(
    "quantity",
    (
        overload(f"quantity(string) -> {_T}", _parse, since=_SINCE),
        overload("isQuantity(string) -> bool", _is_quantity, since=_SINCE),
        overload(f"sign({_T}) -> int", lambda value: (value.amount.nano > 0) - (value.amount.nano < 0), since=_SINCE),
        overload(f"{_T}.isGreaterThan({_T}) -> bool", lambda a, b: _compare(a, b) > 0, since=_SINCE),
        overload(f"{_T}.isLessThan({_T}) -> bool", lambda a, b: _compare(a, b) < 0, since=_SINCE),
        overload(f"{_T}.compareTo({_T}) -> int", _compare, since=_SINCE),
        overload(f"{_T}.asApproximateFloat() -> double", lambda value: value.amount.nano / _NANO, since=_SINCE),
        overload(f"{_T}.asInteger() -> int", _as_integer, since=_SINCE),
        overload(f"{_T}.isInteger() -> bool", _is_integer, since=_SINCE),
        overload(f"{_T}.add({_T}) -> {_T}", lambda a, b: Quantity(a.amount + b.amount), since=_SINCE),
        overload(f"{_T}.add(int) -> {_T}", lambda a, b: Quantity(a.amount + _of_int(b).amount), since=_SINCE),
        overload(f"{_T}.sub({_T}) -> {_T}", lambda a, b: Quantity(a.amount - b.amount), since=_SINCE),
        overload(f"{_T}.sub(int) -> {_T}", lambda a, b: Quantity(a.amount - _of_int(b).amount), since=_SINCE),
    ),
)
