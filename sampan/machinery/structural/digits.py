"""Numbers with check digits: books (ISBN) and credit cards (Luhn). Called by formats.py."""

import re

_CARD = re.compile(
    r"4\d{12}(\d{3})?|5[1-5]\d{14}|6(011|5\d\d)\d{12}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}|(2131|1800|35\d{3})\d{11}",
    re.ASCII,
)


def is_isbn10(value: str) -> bool:
    """Whether a text is the number of a book of the old kind, spaces and dashes aside."""
    digits = re.sub(r"[\s-]+", "", value)
    if not re.fullmatch(r"\d{9}[\dX]", digits, re.ASCII):
        return False
    values = [10 if digit == "X" else int(digit) for digit in digits]
    return sum(place * digit for place, digit in enumerate(values, 1)) % 11 == 0


def is_isbn13(value: str) -> bool:
    """Whether a text is the number of a book of today."""
    digits = re.sub(r"[\s-]+", "", value)
    if not re.fullmatch(r"\d{13}", digits, re.ASCII):
        return False
    return sum((3 if place % 2 else 1) * int(digit) for place, digit in enumerate(digits)) % 10 == 0


def is_credit_card(value: str) -> bool:
    """Whether the digits in a text are the number of a card."""
    digits = re.sub(r"[^0-9]+", "", value)
    if not _CARD.fullmatch(digits):
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
