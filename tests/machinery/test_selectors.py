import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.machinery import selectors
from sampan.machinery.selectors import EVERYTHING, NOTHING, SelectorError

LABELS = {"app": "web", "tier": "front", "n": "5", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app=db", False),
        ("app!=db", True),
        ("app!=web", False),
        ("missing!=x", True),
        ("missing=x", False),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("app in (web, db)", True),
        ("app in (db)", False),
        ("app notin (db)", True),
        ("missing notin (db)", True),
        ("app notin (web)", False),
        ("n>4", True),
        ("n > 5", False),
        ("n<6", True),
        ("app<6", False),
        ("missing>1", False),
        ("empty=", True),
        ("empty in (,)", True),
        ("app=web,tier=front,n", True),
        ("app=web,tier=front,!n", False),
        (" app = web , tier", True),
        ("in=x", False),
        ("app in (in,notin,web)", True),
        ("example.com/app", False),
    ],
)
def test_text_matches(text, matches):
    assert selectors.parse(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("app=web=db", "found '=', expected: ',' or 'end of string'"),
        ("app web", "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"),
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("app in (web", "found '', expected: ',' or ')'"),
        ("app in ()", "values set can't be empty"),
        ("app,", "found '', expected: identifier after ','"),
        ("=web", "found '=', expected: !, identifier, or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a~b", 'unable to parse requirement: <nil>: Invalid value: "a~b": name part must consist of'),
        ("app=we$b", 'unable to parse requirement: values[0][app]: Invalid value: "we$b": a valid label must be'),
        (
            "n>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be",
        ),
        ("a/b/c", "a valid label key must consist of"),
    ],
)
def test_text_that_is_no_selector(text, error):
    with pytest.raises(SelectorError) as caught:
        selectors.parse(text)
    assert error in caught.value.message
    assert caught.value.status_code == 400


@given(st.text(alphabet="ab=!(),<> \t in", max_size=20))
def test_parsing_ends_in_a_selector_or_an_error_and_printing_is_stable(text):
    try:
        found = selectors.parse(text)
    except SelectorError:
        return
    assert selectors.parse(str(found)) == found
    assert selectors.parse(str(found)).matches(LABELS) is found.matches(LABELS)


def test_printed_form():
    assert str(selectors.parse("z=1,a==2,m in (y,x),b,!c,d>1")) == "a==2,b,!c,d>1,m in (x,y),z=1"


def test_from_labels():
    assert selectors.from_labels({"app": "web"}).matches(LABELS)
    assert not selectors.from_labels({"app": "web", "tier": "x"}).matches(LABELS)
    assert selectors.from_labels({}) is NOTHING
    assert selectors.from_labels(None).is_nothing


def test_from_label_selector():
    assert selectors.from_label_selector(None) is NOTHING
    assert selectors.from_label_selector({}) is EVERYTHING
    found = selectors.from_label_selector(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["front", "back"]},
                {"key": "missing", "operator": "DoesNotExist"},
            ],
        }
    )
    assert found.matches(LABELS)
    assert not found.matches({**LABELS, "missing": ""})
    with pytest.raises(SelectorError, match='"Like" is not a valid label selector operator'):
        selectors.from_label_selector({"matchExpressions": [{"key": "a", "operator": "Like"}]})


def test_nothing_and_everything():
    assert not NOTHING.matches({})
    assert EVERYTHING.matches({}) and EVERYTHING.is_everything and not NOTHING.is_everything
    assert NOTHING != EVERYTHING
