"""How much of a device's capacity may be asked for, where several claims share it (KEP-5075).

Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation.
"""

from itertools import pairwise

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.paths import too_many
from sampan.machinery.quantity import Quantity, parse
from sampan.machinery.validation import Path, duplicate, forbidden, invalid, required

_MOST_OPTIONS = 10
_MILLI, _UNIT, _LARGEST = 10**6, 10**9, 2**63 - 1
_BOTH = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'


def validate_capacity(capacity: Object, path: Path, shared: bool) -> Errors:
    """A capacity of a device; `shared`: whether several claims may have the device."""
    if (policy := capacity.get("requestPolicy")) is None:
        return
    at, whole = path.child("requestPolicy"), parse(str(capacity.get("value") or "0"))
    values, range_, default = policy.get("validValues"), policy.get("validRange"), policy.get("default")
    if not shared:
        yield forbidden(at, "allowMultipleAllocations must be true")
    elif values and range_ is not None:
        yield forbidden(at, _BOTH)
    elif values or range_ is not None:
        field = "validValues" if values else "validRange"
        if default is None:
            yield required(at.child("default"), f"required when {field} is defined")
        elif values:
            yield from _options([parse(str(value)) for value in values], parse(str(default)), whole, at.child(field))
        else:
            yield from _range(range_, parse(str(default)), whole, at.child(field))


def _options(options: list[Quantity], default: Quantity, whole: Quantity, path: Path) -> Errors:
    for index, (one, next_) in enumerate(pairwise(options)):
        if one.nano > next_.nano:
            yield invalid(path.index(index + 1), str(next_), "values must be sorted in ascending order")
    if len(options) > _MOST_OPTIONS:
        yield too_many(path, len(options), _MOST_OPTIONS)
    else:
        yield from _each_option(options, whole, path)
    if len(options) > _MOST_OPTIONS or default.nano not in [option.nano for option in options]:
        yield invalid(path, str(default), "default value is not valid according to the requestPolicy")


def _each_option(options: list[Quantity], whole: Quantity, path: Path) -> Errors:
    for index, option in enumerate(options):
        if option.nano > whole.nano:
            yield invalid(path.index(index), str(option), f"option is larger than capacity value: {whole}")
    seen: set[int] = set()
    for index, option in enumerate(options):
        if option.nano in seen:
            yield duplicate(path.index(index), str(option))
        seen.add(option.nano)


def _range(range_: Object, default: Quantity, whole: Quantity, path: Path) -> Errors:
    least, most, step = (_quantity(range_, field) for field in ("min", "max", "step"))
    if least is None:
        yield required(path.child("min"), "required when validRange is defined")
        return
    yield from _bounds(least, most, default, whole, path)
    named = {"default": default, "min": least, "max": most, "step": step}
    fractional = any(amount.nano % _UNIT for amount in named.values() if amount)
    if fractional and (unsafe := list(_too_fine(named, path))):
        yield from unsafe
        return
    if step is None:
        return
    if step.nano <= 0:
        yield invalid(path.child("step"), str(step), "must be greater than zero")
        return
    if (first := least + step).nano > whole.nano:
        detail = f"one step {first} is larger than capacity value: {whole}"
        yield invalid(path.child("step"), str(step), detail)
    unsafe = [] if fractional else list(_too_large(named, path))
    yield from unsafe or _multiples((default, most), least, step, path.child("step"))


def _quantity(range_: Object, field: str) -> Quantity | None:
    value = range_.get(field)
    return None if value is None else parse(str(value))


def _bounds(least: Quantity, most: Quantity | None, default: Quantity, whole: Quantity, path: Path) -> Errors:
    if least.nano > whole.nano:
        yield invalid(path.child("min"), str(least), f"min is larger than capacity value: {whole}")
    if default.nano < least.nano:
        yield invalid(path.child("default"), str(default), f"default is less than min: {least}")
    if most is None:
        return
    if least.nano > most.nano:
        yield invalid(path.child("max"), str(least), f"min is larger than max: {most}")
    if most.nano > whole.nano:
        yield invalid(path.child("max"), str(most), f"max is larger than capacity value: {whole}")
    if default.nano > most.nano:
        yield invalid(path.child("default"), str(default), f"default is more than max: {most}")


def _too_fine(named: dict[str, Quantity | None], path: Path) -> Errors:
    for name, amount in named.items():
        if amount and (amount.nano % _MILLI or amount.milli() > _LARGEST):
            yield invalid(path.child(name), str(amount), "value cannot be represented as a milli value")


def _too_large(named: dict[str, Quantity | None], path: Path) -> Errors:
    for name, amount in named.items():
        if amount and amount.nano < 0:
            yield invalid(path.child(name), str(amount), "must be greater than or equal to 0")
        elif amount and amount.value() > _LARGEST:
            yield invalid(path.child(name), str(amount), f"must not be larger than {_LARGEST}")


def _multiples(amounts: tuple[Quantity | None, ...], least: Quantity, step: Quantity, path: Path) -> Errors:
    for amount in amounts:
        if amount and (amount.nano - least.nano) % step.nano:
            detail = f"value is not a multiple of a given step ({step}) from ({least})"
            yield invalid(path, str(amount), detail)
