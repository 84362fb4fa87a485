from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sampan.machinery import quantity

DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("0Mi", "0"),
        ("-0", "0"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("5.", "5"),
        ("+1", "1"),
        ("-1500m", "-1500m"),
        ("100000", "100k"),
        ("123456", "123456"),
        ("1024Ki", "1Mi"),
        ("1536Mi", "1536Mi"),
        ("0.5Ki", "512"),
        ("1Ki", "1Ki"),
        ("1023Ki", "1023Ki"),
        ("1.5Gi", "1536Mi"),
        ("1e3", "1e3"),
        ("1000e0", "1e3"),
        ("12e-1", "1200e-3"),
        ("1E", "1E"),
        ("1E3", "1e3"),
        ("0.1n", "1n"),
        ("1000000E", "9223372036854775807"),
    ],
)
def test_canonical_form(text, canonical):
    assert quantity.canonical(text) == canonical


@pytest.mark.parametrize("text", ["", "x", "1 ", "1Kim", "1.2.3", "--1", "1e", "1i", "Ki", "1mm", "m", "1٣", "1" * 600])
def test_what_is_no_quantity(text):
    with pytest.raises(quantity.QuantityError):
        quantity.parse(text)


def test_error_texts():
    with pytest.raises(quantity.QuantityError, match=r"must match the regular expression '\^\(\[\+-\]\?\[0-9\.\]\+\)"):
        quantity.parse("abc")
    with pytest.raises(quantity.QuantityError, match="unable to parse quantity's suffix"):
        quantity.parse("1mm")


@given(st.decimals(0, 10**6, places=3), st.sampled_from(sorted(DECIMAL) + sorted(BINARY)), st.booleans())
def test_a_quantity_is_its_fraction_rounded_up_to_nano(number, suffix, negative):
    factor = Fraction(10) ** DECIMAL[suffix] if suffix in DECIMAL else Fraction(1024) ** BINARY[suffix]
    exact = Fraction(number) * factor
    nano = min(-((-exact * 10**9) // 1), (2**63 - 1) * 10**9)
    found = quantity.parse(f"{'-' if negative else ''}{number}{suffix}")
    assert found.nano == (-nano if negative else nano)


@given(st.integers(-(10**24), 10**24), st.sampled_from(("DecimalSI", "BinarySI", "DecimalExponent")))
@example(625_000 * 10**9, "BinarySI")
def test_the_canonical_form_means_the_same_and_is_its_own(nano, form):
    text = str(quantity.Quantity(nano, form))
    again = quantity.parse(text)
    assert again.nano == nano
    plain = form == "BinarySI" and text.lstrip("-").isdigit()  # is read as decimal: "625000" is then "625k"
    assert plain or str(again) == text


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_arithmetic(left, right):
    a, b = f"{left}m", f"{right}m"
    assert quantity.milli(quantity.add(a, b)) == left + right
    assert quantity.compare(a, b) == (left > right) - (left < right)
    assert (quantity.parse(a) - quantity.parse(b)).milli() == left - right


def test_integers_are_rounded_up():
    assert quantity.value("1500m") == 2
    assert quantity.value("-1500m") == -1
    assert quantity.milli("1u") == 1
    assert quantity.milli(2) == 2000
    assert quantity.milli(0.5) == 500


def test_a_sum_has_the_format_of_what_is_not_zero():
    assert quantity.add("0", "1Gi") == "1Gi"
    assert quantity.add("1Gi", "500M") == "1573741824"
