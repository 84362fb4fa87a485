"""How simulated pods behave: defaults, files, annotations; all of it from outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.kubelet.simulated.config import Simulation, SimulationError, read, simulation
from sampan.kubelet.simulated.script import PREFIX, READERS, Script, Span, script_of, span
from sampan.machinery.component_config import Malformed
from sampan.machinery.meta import Object
from tests.kubelet.pods import pod

HEAD = "apiVersion: simulation.sampan.internal/v1\nkind: Simulation\n"


def annotated(**notes: str) -> Object:
    made = pod()
    made["metadata"]["annotations"] = {PREFIX + name.replace("_", "-"): value for name, value in notes.items()}
    return made


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2", (2, 2)),
        (0, (0, 0)),
        (1.5, (1.5, 1.5)),
        ("500ms-2s", (0.5, 2)),
        ("10 - 60", (10, 60)),
        ("1h", (3600, 3600)),
    ],
)
def test_times(said: object, meant: tuple[float, float]) -> None:
    assert span(said) == Span(*meant)


@pytest.mark.parametrize("said", ["", "-1", "2-1", "1e400", "nan", "inf", "9" * 40, "1-2-3", "x", None, True, [], 1e10])
def test_what_is_no_time(said: object) -> None:
    with pytest.raises(ValueError, match="is no time"):
        span(said)


def test_annotations_count_before_the_defaults() -> None:
    script, problems = script_of(annotated(run="7", exit_code="3", ready="never"), Script(stop=Span(9, 9)))
    assert (script.run, script.exit_code, script.never_ready, script.stop) == (Span(7, 7), 3, True, Span(9, 9))
    assert not problems


def test_what_is_wrong_with_annotations_is_told_and_the_rest_counts() -> None:
    script, problems = script_of(annotated(exit_code="256", crashes="-1", walk="1", run="3"), Script())
    assert (script.exit_code, script.crashes, script.run) == (0, 0, Span(3, 3))
    assert problems == [
        "exit-code: '256' is no number from 0 to 255",
        "crashes: '-1' is no number from 0 to 1000000",
        f"walk is none of {', '.join(READERS)}",
    ]


@given(st.dictionaries(st.sampled_from([*READERS, "x"]), st.text(max_size=60) | st.integers().map(str)))
def test_whatever_annotations_say_there_is_a_script(said: dict[str, str]) -> None:
    script, _ = script_of(annotated(**said), Script())
    assert 0 <= script.start.least <= script.start.most <= 1e9
    assert 0 <= script.exit_code <= 255


@pytest.mark.parametrize(
    ("policy", "script", "restarts", "life", "code"),
    [
        ("Always", Script(), 0, None, 0),
        ("Never", Script(), 0, Script().complete, 0),
        ("OnFailure", Script(forever=True), 0, None, 0),
        ("Always", Script(run=Span(3, 3)), 5, Span(3, 3), 0),
        ("Always", Script(crashes=2), 1, Span(1, 1), 1),
        ("Always", Script(crashes=2, exit_code=9), 1, Span(1, 1), 9),
        ("Always", Script(crashes=2, exit_code=9), 2, Span(1, 1), 0),
        ("Never", Script(exit_code=4), 0, Span(1, 1), 4),
    ],
)
def test_lives(policy: str, script: Script, restarts: int, life: Span | None, code: int) -> None:
    assert (script.life(pod(restartPolicy=policy), restarts), script.code(restarts)) == (life, code)


# Files


def test_a_file() -> None:
    found = simulation(
        (
            HEAD
            + "seed: 7\nevents: true\n"
            + "nodes: {capacity: {cpu: 64, nvidia.com/gpu: '8'}, labels: {pool: large}, zones: [a, b]}\n"
            + "pods: {start: 500ms-2s, run: forever, exit-code: 3}\n"
        ).encode()
    )
    assert (found.seed, found.events, found.labels, found.zones) == (7, True, {"pool": "large"}, ("a", "b"))
    assert found.capacity["cpu"] == "64" and found.capacity["nvidia.com/gpu"] == "8" and found.capacity["pods"] == "110"
    assert (found.pods.start, found.pods.forever, found.pods.exit_code) == (Span(0.5, 2), True, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "couldn't get version/kind"),
        ("kind: Simulation", "'apiVersion' is missing"),
        (HEAD + "seed: x", "cannot unmarshal string"),
        (HEAD + "pace: 1", 'unknown field "pace"'),
        (HEAD + "pods: {start: soon}", "start: 'soon' is no time"),
        (HEAD + "pods: [1]", "pods is no object"),
        (HEAD + "nodes: {capacity: {cpu: much}}", "capacity of cpu"),
        (HEAD + "nodes: {capacity: {cpu: -1}}", "is no amount"),
        (HEAD + "nodes: {capacity: {pods: 1001}}", "from 0 to 1000"),
        (HEAD + "nodes: {labels: {'a b': c}}", "label 'a b'"),
        (HEAD + "nodes: {zones: ['a b']}", "zone 'a b'"),
    ],
)
def test_a_file_that_is_wrong(text: str, problem: str) -> None:
    with pytest.raises((SimulationError, Malformed), match=problem):
        simulation(text.encode())


def test_no_file_and_a_lost_one() -> None:
    assert read("") == Simulation()
    with pytest.raises(SimulationError, match="/nowhere: No such file"):
        read("/nowhere")
