"""The field and label selectors of a request, as authorizers see them (KEP-4601).

A list that names its selectors may be allowed where a list of everything is not: the Node authorizer and webhooks look
at them. Parsed when somebody looks, for most requests have none and most authorizers don't look. What can't be parsed
is left out, which only makes the question broader.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from sampan.machinery import field_selectors, selectors
from sampan.machinery.field_selectors import FieldTerm
from sampan.machinery.requirements import EXISTS, IN, NOT_EXISTS, NOT_IN, Requirement, SelectorError, requirement

_LABEL_OPERATORS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": NOT_EXISTS}


class Selectors:
    """What a request selects by. `field_error` and `label_error` say what could not be understood."""

    def __init__(self, fields: Callable[[], "Understood"], labels: Callable[[], "Understood"]) -> None:
        self._read_fields, self._read_labels = fields, labels

    @cached_property
    def _fields(self) -> "Understood":
        return self._read_fields()

    @cached_property
    def _labels(self) -> "Understood":
        return self._read_labels()

    @property
    def fields(self) -> tuple[FieldTerm, ...]:
        """The conditions on fields."""
        return self._fields[0]

    @property
    def labels(self) -> tuple[Requirement, ...]:
        """The conditions on labels."""
        return self._labels[0]

    def selects(self, field: str, value: str) -> bool:
        """Whether only objects with this value in the field are selected."""
        return any(term.field == field and term.value == value and not term.negated for term in self.fields)

    def errors(self) -> Iterator[str]:
        """What an access review says of selectors that could not be understood."""
        for name, (found, error) in (("fieldSelector", self._fields), ("labelSelector", self._labels)):
            if error:
                how = "partially ignored" if found else "ignored"
                yield f"spec.resourceAttributes.{name} {how} due to parse error"


Understood = tuple[tuple[Any, ...], str]  # the conditions, and what was wrong
NO_SELECTORS = Selectors(lambda: ((), ""), lambda: ((), ""))


def of_query(fields: str, labels: str) -> Selectors:
    """Those of a request's parameters."""
    if not fields and not labels:
        return NO_SELECTORS
    return Selectors(lambda: _raw_fields(fields), lambda: _raw_labels(labels))


def of_review(fields: Mapping[str, Any] | None, labels: Mapping[str, Any] | None) -> Selectors:
    """Those of ResourceAttributes; requirements win over the raw text, which upstream's validation forbids beside."""
    if not fields and not labels:
        return NO_SELECTORS
    return Selectors(
        lambda: _either(fields or {}, _raw_fields, _field_term), lambda: _either(labels or {}, _raw_labels, _label_term)
    )


def _either(
    selector: Mapping[str, Any], raw: Callable[[str], Understood], one: Callable[[Mapping[str, Any]], Any]
) -> Understood:
    if listed := selector.get("requirements"):
        return _each(listed, one)
    return raw(selector.get("rawSelector") or "")


def _each(requirements: Sequence[Mapping[str, Any]], one: Callable[[Mapping[str, Any]], Any]) -> Understood:
    found, errors = [], []
    for tree in requirements:
        try:
            found.append(one(tree))
        except SelectorError as error:
            errors.append(error.message)
    return tuple(found), "; ".join(errors)


def _raw_fields(text: str) -> Understood:
    try:
        return field_selectors.parse(text).terms, ""
    except SelectorError as error:
        return (), error.message


def _raw_labels(text: str) -> Understood:
    try:
        return selectors.parse(text).requirements, ""
    except SelectorError as error:
        return (), error.message


def _field_term(tree: Mapping[str, Any]) -> FieldTerm:
    """Only what the text of a field selector can say is understood: one value, equal or not."""
    values, operator = list(tree.get("values") or ()), tree.get("operator") or ""
    if operator not in ("In", "NotIn"):
        raise SelectorError(f'"{operator}" is not a valid field selector operator')
    if len(values) != 1:
        raise SelectorError("fieldSelectors must have one value")
    return FieldTerm(tree.get("key") or "", values[0], operator == "NotIn")


def _label_term(tree: Mapping[str, Any]) -> Requirement:
    operator = str(tree.get("operator") or "")
    if operator not in _LABEL_OPERATORS:
        raise SelectorError(f'"{operator}" is not a valid label selector operator')
    return requirement(tree.get("key") or "", _LABEL_OPERATORS[operator], tree.get("values") or ())
