import pytest

from tests.conformance.outcome import FAILED, NOT_RUN, PASSED, Outcome, brief, read

END = "\nRan 1 of 3206 Specs in 0.301 seconds\n{} -- {} Passed | {} Failed | 0 Pending | {} Skipped\n"
FAILURE = """
• [FAILED] [0.113 seconds]
[sig-apps] Job [It] should run [Conformance]
/go/pkg/mod/k8s.io/kubernetes@v1.37.2/test/e2e/apps/job.go:272

  Timeline >>
  [FAILED] in [It] - /go/pkg/mod/k8s.io/kubernetes@v1.37.2/test/e2e/apps/job.go:290 @ 11/25/26 23:53:25.89
  << Timeline

  [FAILED] expected something,
      got nothing
  In [It] at: /go/pkg/mod/k8s.io/kubernetes@v1.37.2/test/e2e/apps/job.go:290 @ 11/25/26 23:53:25.89
"""
TIMEOUT = """
  [TIMEDOUT] A suite timeout occurred
  In [It] at: /go/pkg/mod/x.go:1 @ 11/25/26 23:53:38.32

  [FAILED] A suite timeout occurred and then the following failure was recorded in the timedout node before it exited:
  no pod came
  In [It] at: /go/pkg/mod/x.go:2 @ 11/25/26 23:53:38.322
"""
PANIC = """
  [PANICKED] Test Panicked
  In [It] at: /go/src/runtime/panic.go:236 @ 11/26/26 01:11:06.122

  runtime error: index out of range [0] with length 0

  Full Stack Trace
"""
SKIP = """
  [SKIPPED] in [It] - /go/pkg/mod/x.go:290 @ 11/25/26 23:53:25.89

  [SKIPPED] Only supported for providers [gce]
  In [It] at: /go/pkg/mod/x.go:290 @ 11/25/26 23:53:25.89
"""


@pytest.mark.parametrize(
    ("output", "outcome"),
    [
        (END.format("SUCCESS!", 1, 0, 3205), Outcome(PASSED)),
        (FAILURE + END.format("FAIL!", 0, 1, 3205), Outcome(FAILED, "expected something, got nothing")),
        (TIMEOUT + END.format("FAIL! - Suite Timeout Elapsed", 0, 1, 3205), Outcome(FAILED, "timed out: no pod came")),
        (TIMEOUT.partition("\n\n")[0] + END.format("FAIL!", 0, 1, 3205), Outcome(FAILED, "timed out")),
        (TIMEOUT.replace("no pod came", "") + END.format("FAIL!", 0, 1, 3205), Outcome(FAILED, "timed out")),
        (
            PANIC + END.format("FAIL!", 0, 1, 3205),
            Outcome(FAILED, "panicked: runtime error: index out of range [0] with length 0"),
        ),
        (SKIP + END.format("SUCCESS!", 0, 0, 3206), Outcome(NOT_RUN, "Only supported for providers [gce]")),
        (END.format("SUCCESS!", 0, 0, 3206), Outcome(FAILED, "e2e.test ran no such test")),
        ("panic: out of memory", Outcome(FAILED, "e2e.test ended without a report")),
    ],
)
def test_outcomes(output: str, outcome: Outcome) -> None:
    assert read(output) == outcome


def test_a_reason_is_one_short_line_without_this_machines_paths() -> None:
    said = brief(
        "error running /home/me/.cache/sampan/conformance/1.37.2-abc/kubectl\n\n"
        "   --kubeconfig=/tmp/sampan-conformance-x1_y/kubeconfig at /opt/go/pkg/mod/k8s.io/a.go:1, see /tmp/other"
    )
    assert said == "error running kubectl --kubeconfig=kubeconfig at k8s.io/a.go:1, see /tmp/other"
    long = brief("word " * 100)
    assert len(long) == 180 and long.endswith("word…")
