"""allOf, anyOf, oneOf and not: several schemas for one value. Called by validation.py.

Of the branches of anyOf and oneOf that fail, upstream also tells the problems of the one that came furthest, which it
takes to be the one with most checks made: `Problems.matches`. What branches find belongs to the node that has them.
"""

from collections.abc import Callable, Iterable

from sampan.machinery.places import Place, text
from sampan.machinery.structural.problems import Problems
from sampan.machinery.structural.schema import Structural
from sampan.machinery.structural.words import Check


def junctor_checks(node: Structural, branch: Callable[[Structural], Check]) -> list[Check]:
    """The checks of a node's junctors; `branch` compiles one schema of them."""
    makers = (("anyOf", _any_of), ("oneOf", _one_of), ("allOf", _all_of))
    found = [make([branch(one) for one in node.branches(word)]) for word, make in makers if node.raw.get(word)]
    return found + ([_not(branch(node.negated))] if node.negated is not None else [])


def _try(check: Check, value: object, place: Place) -> Problems:
    tried = Problems()
    check(value, place, tried)
    return tried


def _merge(out: Problems, place: Place, tried: Problems) -> None:
    out += [problem._replace(node=place) for problem in tried]
    out.matches += tried.matches


def _furthest(tried: Iterable[Problems]) -> Problems:
    return max(tried, key=lambda problems: problems.matches)


def _any_of(branches: list[Check]) -> Check:
    def check(value: object, place: Place, out: Problems) -> None:
        failed: list[Problems] = []
        for branch in branches:
            tried = _try(branch, value, place)
            if not tried:
                _merge(out, place, tried)
                return
            failed.append(tried)
        out.whole(place, f'"{text(place)}" must validate at least one schema (anyOf)')
        _merge(out, place, _furthest(failed))

    return check


def _one_of(branches: list[Check]) -> Check:
    def check(value: object, place: Place, out: Problems) -> None:
        tried = [_try(branch, value, place) for branch in branches]
        good = [problems for problems in tried if not problems]
        if len(good) == 1:
            _merge(out, place, good[0])
            return
        found = f"Found {len(good)} valid alternatives" if good else "Found none valid"
        out.whole(place, f'"{text(place)}" must validate one and only one schema (oneOf). {found}')
        if not good:
            _merge(out, place, _furthest(tried))

    return check


def _all_of(branches: list[Check]) -> Check:
    def check(value: object, place: Place, out: Problems) -> None:
        good = 0
        for branch in branches:
            tried = _try(branch, value, place)
            good += not tried
            _merge(out, place, tried)
        if good != len(branches):
            none = "" if good else ". None validated"
            out.whole(place, f'"{text(place)}" must validate all the schemas (allOf){none}')

    return check


def _not(branch: Check) -> Check:
    def check(value: object, place: Place, out: Problems) -> None:
        if not _try(branch, value, place):
            out.whole(place, f'"{text(place)}" must not validate the schema (not)')

    return check
