"""Seats of levels: by shares, by need, within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.apiserver.fairness.allocation import Bounded, Limits, Need, allocate, limits_of, most_seats, share
from sampan.apiserver.fairness.configuration import Level, configure


def test_the_default_levels_have_upstream_s_seats() -> None:
    """As a kube-apiserver with default flags shows in apiserver_flowcontrol_nominal_limit_seats."""
    limits = limits_of(list(configure((), ()).levels.values()), 600)
    assert limits["catch-all"].nominal == 600, "alone with the exempt level"
    levels = [
        Level("catch-all", "", 5),
        Level("exempt", "", 0, exempt=True),
        Level("global-default", "", 20, 50),
        Level("leader-election", "", 10, 0),
        Level("node-high", "", 40, 25),
        Level("system", "", 30, 33),
        Level("workload-high", "", 40, 50),
        Level("workload-low", "", 100, 90),
    ]
    assert {name: (one.nominal, one.lower) for name, one in limits_of(levels, 600).items()} == {
        "catch-all": (13, 13),
        "exempt": (0, 0),
        "global-default": (49, 24),
        "leader-election": (25, 25),
        "node-high": (98, 73),
        "system": (74, 50),
        "workload-high": (98, 49),
        "workload-low": (245, 24),
    }


def test_a_level_borrows_no_more_than_it_may() -> None:
    found = limits_of([Level("a", "", 1, borrowing=50), Level("b", "", 1)], 100)
    assert found == {"a": Limits(50, 50, 75), "b": Limits(50, 50, 150)}


def test_no_shares_at_all_are_no_seats() -> None:
    assert limits_of([Level("a", "", 0)], 600)["a"].nominal == 0


@pytest.mark.parametrize(("nominal", "hand", "most"), [(245, 6, 37), (13, 1, 2), (3, 6, 1), (0, 6, 1)])
def test_seats_of_one_request(nominal: int, hand: int, most: int) -> None:
    assert most_seats(nominal, hand) == most


def test_who_needs_seats_gets_those_that_nobody_else_does() -> None:
    """KEP-1040: idle levels lend what they may."""
    needs = {
        "busy": Need(Limits(50, 25, 650), 300, 300.0),
        "idle": Need(Limits(550, 55, 1150), 0, 0.0),
        "exempt": Need(Limits(0, 0, 600), 7, 3.0, exempt=True),
    }
    found = allocate(needs)
    assert found.seats["exempt"] == 7
    assert found.seats["busy"] == 507, "both in proportion to what they have needed"
    assert found.seats["idle"] == 93


def test_levels_that_all_need_seats_have_what_they_were_given() -> None:
    needs = {name: Need(Limits(50, 25, 650), 500, 500.0) for name in "ab"}
    assert allocate(needs).seats == {"a": 50, "b": 50}


def test_exempt_requests_may_leave_others_their_minimum_only() -> None:
    needs = {"a": Need(Limits(50, 25, 650), 50, 50.0), "exempt": Need(Limits(0, 0, 600), 40, 40.0, exempt=True)}
    assert allocate(needs).seats == {"exempt": 40, "a": 25}
    needs["exempt"] = Need(Limits(0, 0, 600), 10, 10.0, exempt=True)
    assert allocate(needs).seats == {"exempt": 10, "a": 40}


_BOUNDED = st.tuples(st.floats(0, 1000), st.floats(0, 1000), st.floats(0, 1000)).map(
    lambda drawn: Bounded(sorted(drawn)[1], sorted(drawn)[0], sorted(drawn)[2])
)


@given(st.lists(_BOUNDED, min_size=1, max_size=12), st.floats(0, 1))
def test_shares_are_proportional_within_bounds(wanted: list[Bounded], part: float) -> None:
    low, high = sum(one.lower for one in wanted), sum(one.upper for one in wanted)
    total = low + part * (high - low)
    found, proportion = share(total, wanted)
    assert sum(found) == pytest.approx(total, abs=1e-3)
    for one, got in zip(wanted, found, strict=True):
        assert one.lower <= got <= one.upper
        assert got == pytest.approx(max(one.lower, min(one.upper, proportion * max(one.target, 0.001))))
