from tests.conformance import report
from tests.conformance.outcome import FAILED, NOT_RUN, PASSED, Outcome
from tests.conformance.report import Row

ONE, TWO, THREE = "[sig-b] One [Conformance]", "[sig-a] Two | <odd> `name` * \\d", "[sig-b] Three [Serial]"
ROWS = {
    ONE: Row(Outcome(PASSED), "2026-01-02"),
    TWO: Row(Outcome(FAILED, '<int> | map[a:*b] \\ "c"'), "2026-01-03"),
}


def test_what_is_written() -> None:
    text = report.render([ONE, TWO, THREE], ROWS, "1.37.2")
    assert "Kubernetes 1.37.2's own e2e.test" in text and "the newest is 2026-01-03" in text
    assert text.endswith(
        """
| | passed | failed | not run | of |
|---|---|---|---|---|
| sig-a | 0 | 1 | 0 | 1 |
| sig-b | 1 | 0 | 1 | 2 |
| **all** | 1 | 1 | 1 | 3 |

## sig-a

| | day | test | why |
|---|---|---|---|
| failed | 2026-01-03 | [sig-a] Two \\| \\<odd\\> \\`name\\` \\* \\\\d | \\<int\\> \\| map[a:\\*b] \\\\ "c" |

## sig-b

| | day | test | why |
|---|---|---|---|
| passed | 2026-01-02 | [sig-b] One [Conformance] |  |
| not run |  | [sig-b] Three [Serial] |  |
"""
    )


def test_what_is_written_can_be_read_back() -> None:
    text = report.render([ONE, TWO, THREE], ROWS, "1.37.2")
    assert report.parse(text) == {**ROWS, THREE: report.UNKNOWN}


def test_a_run_of_some_keeps_the_others() -> None:
    before = report.parse(report.render([ONE, TWO, THREE], ROWS, "1.37.2"))
    after = report.parse(
        report.render([ONE, TWO, THREE], {**before, THREE: Row(Outcome(PASSED), "2026-02-01")}, "1.37.2")
    )
    assert after == {**ROWS, THREE: Row(Outcome(PASSED), "2026-02-01")}


def test_a_test_that_left_the_list_leaves_the_report() -> None:
    assert report.parse(report.render([ONE], ROWS, "1.38.0")) == {ONE: ROWS[ONE]}


def test_what_was_lost_since_another_report() -> None:
    now = {ONE: Row(Outcome(FAILED, "x"), "2026-03-01"), TWO: ROWS[TWO]}
    assert report.lost(report.parse_list(report.render([ONE, TWO], ROWS, "1.37.2")), now) == [ONE]
    listed = f"state\ttest\twhy\nfailed\t{TWO}\tbad\npassed\t{ONE}\t\npassed\t{THREE}\n"
    assert report.parse_list(listed) == {TWO: FAILED, ONE: PASSED, THREE: PASSED}
    assert report.lost(report.parse_list(listed), now) == [ONE]
    assert report.lost({THREE: NOT_RUN}, now) == []
