"""What holds for every expression: results within 64 bits, budgets that are kept, texts of any kind, versions."""

import json
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import BudgetExceeded, CompileError, EvaluationError
from sampan.machinery.cel.types import DYN, INT, STRING, UINT
from sampan.machinery.cel.values import UInt

BASE = Environment()
INTS = BASE.extend({"a": INT, "b": INT})
UINTS = BASE.extend({"a": UINT, "b": UINT})
TEXTS = BASE.extend({"a": STRING, "b": STRING})
ANY = BASE.extend({"a": DYN})
int64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from((-(2**63), -1, 0, 1, 2**63 - 1)))
uint64 = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from((0, 1, 2**64 - 1)))
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPILED = {
    (name, word): environment.compile(f"a {word} b")
    for name, environment in (("int", INTS), ("uint", UINTS))
    for word in OPERATORS
}
WORDS = ("(", ")", "[", "]", "{", "}", "a", "b.c", "1", "'x'", "+", "-", "*", "&&", "||", "!", "?", ":", ",", ".", "in")
WORDS += ("has(", ".all(x,", "x)", "==")
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


@given(int64, int64, st.sampled_from(sorted(OPERATORS)))
def test_int_arithmetic_is_exact_or_overflows(a: int, b: int, word: str) -> None:
    exact = OPERATORS[word](a, b)
    program = COMPILED["int", word]
    if -(2**63) <= exact < 2**63:
        assert program.evaluate({"a": a, "b": b}).value == exact
    else:
        with pytest.raises(EvaluationError, match="integer overflow"):
            program.evaluate({"a": a, "b": b})


@given(uint64, uint64, st.sampled_from(sorted(OPERATORS)))
def test_uint_arithmetic_is_exact_or_overflows(a: int, b: int, word: str) -> None:
    exact = OPERATORS[word](a, b)
    program = COMPILED["uint", word]
    if 0 <= exact < 2**64:
        value = program.evaluate({"a": UInt(a), "b": UInt(b)}).value
        assert value == exact and type(value) is UInt
    else:
        with pytest.raises(EvaluationError, match="unsigned integer overflow"):
            program.evaluate({"a": UInt(a), "b": UInt(b)})


DIVISION = INTS.compile("b == 0 || (a / b) * b + a % b == a")


@given(int64, int64)
def test_division_and_remainder_belong_together(a: int, b: int) -> None:
    if (a, b) == (-(2**63), -1):
        with pytest.raises(EvaluationError, match="integer overflow"):
            DIVISION.evaluate({"a": a, "b": b})
    else:
        assert DIVISION.evaluate({"a": a, "b": b}).value is True


TEXT = TEXTS.compile("(a + b).size() == a.size() + b.size() && (a + b).startsWith(a) && (a + b).endsWith(b)")
SUBSTRINGS = TEXTS.compile("a.substring(0, 1) + a.substring(1) == a && a.charAt(0) == a.substring(0, 1)")
QUOTED = TEXTS.compile("a.split('').join() == a && a.replace(a, b) == b")


@given(st.text(), st.text())
def test_texts_are_counted_in_code_points(a: str, b: str) -> None:
    assert TEXT.evaluate({"a": a, "b": b}).value is True


@given(st.text(min_size=1), st.text())
def test_parts_of_texts(a: str, b: str) -> None:
    assert SUBSTRINGS.evaluate({"a": a, "b": b}).value is True
    assert QUOTED.evaluate({"a": a, "b": b}).value is True


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_any_text_can_be_a_literal(text: str) -> None:
    literal = json.dumps(text, ensure_ascii=False).replace("\\/", "/")
    escaped = "".join(char if ord(char) >= 32 else f"\\U{ord(char):08x}" for char in text.replace("\\", "\\\\"))
    quoted = '"' + escaped.replace('"', '\\"') + '"'
    assert BASE.compile(quoted).evaluate({}).value == text
    if literal.isprintable():
        assert BASE.compile(literal).evaluate({}).value == text


EQUAL = ANY.compile("a == a && [a] == [a] && {'k': a} == {'k': a} && a in [a] && optional.of(a) == optional.of(a)")


@given(json_values)
def test_every_value_equals_itself(value: object) -> None:
    assert EQUAL.evaluate({"a": value}).value is True


@given(st.text(max_size=60))
def test_no_text_does_more_than_fail_to_compile(text: str) -> None:
    try:
        ANY.compile(text)
    except CompileError as error:
        assert str(error).startswith("ERROR: <input>:")


@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_no_words_do_more_than_fail_to_compile(words: list[str]) -> None:
    try:
        ANY.compile(" ".join(words))
    except CompileError as error:
        assert str(error).startswith("ERROR: <input>:")


LOOP = ANY.compile("a.all(x, a.exists(y, x == y))")


@given(st.integers(1, 3000))
def test_a_budget_is_kept_and_stops_a_loop_soon(limit: int) -> None:
    values = {"a": list(range(40))}
    whole = LOOP.evaluate(values).cost
    if limit >= whole:
        assert LOOP.evaluate(values, limit).cost == whole
        return
    with pytest.raises(BudgetExceeded) as exceeded:
        LOOP.evaluate(values, limit)
    assert limit < exceeded.value.cost < limit + 20


def test_a_budget_stops_nested_loops() -> None:
    program = ANY.compile("a.all(x, a.all(y, a.all(z, x + y + z >= 0)))")
    with pytest.raises(BudgetExceeded) as exceeded:
        program.evaluate({"a": list(range(1000))})
    assert exceeded.value.cost < 1_000_020


@pytest.mark.parametrize(
    "text",
    [
        "a.map(x, a) == a.map(x, a + [])",
        "a.map(x, a + a).size() > 0",
        "a.all(x, [[[a]]] == [[[a + []]]])",
        "a.all(x, [a] in [[a + []]])",
        "sets.contains(a.map(x, a), a.map(x, a + []))",
        "a.map(x, t.replace('', t)).size() > 0",
        "a.map(x, a.map(y, t).join()).size() > 0",
        "a.map(x, '%s%s%s'.format([t, t, t])).size() > 0",
        "lists.range(1000001).size() > 0",
    ],
)
def test_work_that_costs_little_is_counted_too(text: str) -> None:
    program = BASE.extend({"a": DYN, "t": STRING}).compile(text)
    with pytest.raises(BudgetExceeded):
        program.evaluate({"a": list(range(12_000)), "t": "x" * 3000})


@pytest.mark.parametrize(
    "text",
    ["(" * 500 + "1" + ")" * 500, "-" * 400 + "a", "a" + ".b" * 3000, "[" * 300 + "]" * 300, "1" + " + 1" * 2000],
    ids=["parentheses", "signs", "fields", "lists", "sum"],
)
def test_deep_expressions_are_refused_or_run(text: str) -> None:
    try:
        program = ANY.compile(text)
    except CompileError as error:
        assert "recursion limit exceeded" in str(error)
    else:
        assert program.evaluate({"a": 1}).value == 1


def test_chains_that_double_with_each_link_are_refused() -> None:
    chain = "optional.of(a)" + ".optMap(x, x)" * 5
    assert ANY.compile(f"{chain}.value()").evaluate({"a": 1}).value == 1
    with pytest.raises(CompileError, match="recursion limit exceeded"):
        ANY.compile("optional.of(a)" + ".optMap(x, x)" * 24)


def test_an_expression_of_too_many_characters_is_refused() -> None:
    with pytest.raises(CompileError, match="expression code point size exceeds limit: size: 100001, limit 100000"):
        BASE.compile("1" * 100_001)


def test_a_program_needs_its_variables() -> None:
    with pytest.raises(EvaluationError) as failed:
        ANY.compile("a.b").evaluate({})
    assert str(failed.value) == "no such attribute(s): a"


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("[1].includes(1)", (1, 37)),
        ("[2, 1].sort()", (1, 34)),
        ("[1].sortBy(x, x)", (1, 34)),
        ("semver('1.2.3')", (1, 33)),
        ("[1].all(i, x, i < x)", (1, 32)),
        ("format.uuid()", (1, 31)),
        ("isIP('::1')", (1, 30)),
        ("sets.contains([1], [1])", (1, 29)),
        ("quantity('1')", (1, 28)),
    ],
)
def test_what_came_with_a_version_is_not_there_before(text: str, since: tuple[int, int]) -> None:
    Environment(version=since).compile(text)
    with pytest.raises(CompileError, match="undeclared reference"):
        Environment(version=(since[0], since[1] - 1)).compile(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1][dyn(1.0 / 0.0)]", "unsupported index value: inf"),
        ("[1][dyn(0.0 / 0.0)]", "unsupported index value: nan"),
        ("[1][dyn(0.5)]", "unsupported index value: 0.5"),
        ("dyn([[1], [2]]).sum()", "no such overload"),
        ("dyn(['a', 'b']).sum()", "no such overload"),
        ("dyn([ip('::1'), ip('::1')]).max()", "no such overload"),
        ("dyn([optional.of(1), optional.of(2)]).isSorted()", "no such overload"),
        ("dyn([quantity('1'), quantity('2')]).sort()", "list elements must be comparable"),
    ],
)
def test_values_that_only_an_evaluation_meets(text: str, told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        BASE.compile(text).evaluate({})
