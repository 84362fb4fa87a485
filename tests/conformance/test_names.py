import re

import pytest

from tests.conformance import names


def test_the_list_names_each_test_once() -> None:
    tests = names.all_tests()
    assert len(tests) == len(set(tests)) == 462
    assert all("[Conformance]" in name and names.sig(name) for name in tests)
    assert len({names.slug(name) for name in tests}) == 462


def test_only_a_test_has_a_sig() -> None:
    assert names.sig("[sig-api-machinery] Watchers [Conformance]") == "sig-api-machinery"
    with pytest.raises(ValueError, match="starts with its SIG"):
        names.sig("Watchers [sig-apps]")


def test_every_focus_finds_its_own_test_and_no_other() -> None:
    tests = names.all_tests()
    for name in tests:
        pattern = re.compile(names.ginkgo_focus(name))
        assert [other for other in tests if pattern.search(f"Kubernetes e2e suite {other}")] == [name]


def test_a_focus_is_an_expression_that_ginkgo_understands() -> None:
    """RE2 knows no escapes of letters or spaces but its own."""
    assert names.ginkgo_focus("[sig-a] B: $(c) a+b|d*? 'e' {f} ^g \\h.") == (
        r" \[sig-a\] B: \$\(c\) a\+b\|d\*\? 'e' \{f\} \^g \\h\.$"
    )


def test_what_must_be_alone_is_kept_apart_and_what_is_slow_comes_first() -> None:
    tests = ["a", "b [Slow]", "c [Serial] [Slow]", "d [Disruptive]", "e"]
    assert names.split(tests) == (["b [Slow]", "a", "e"], ["c [Serial] [Slow]", "d [Disruptive]"])


def test_a_focus_chooses_tests() -> None:
    tests = ["[sig-apps] Job", "[sig-cli] Kubectl", "[sig-node] Pods"]
    assert names.chosen(tests, "sig-(apps|node)") == ["[sig-apps] Job", "[sig-node] Pods"]
    assert names.chosen(tests, "") == tests
