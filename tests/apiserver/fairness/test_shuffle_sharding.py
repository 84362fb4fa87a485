"""Hands of queues."""

from collections import Counter

import pytest

from sampan.apiserver.fairness.shuffle_sharding import deal, flow_hash


@pytest.mark.parametrize(("deck", "hand"), [(64, 6), (8, 8), (1, 1), (10_000_000, 2)])
def test_a_hand_is_of_different_queues(deck: int, hand: int) -> None:
    for entropy in (0, 1, 2**63, 2**64 - 1, 123_456_789_012_345_678):
        cards = deal(entropy, deck, hand)
        assert len(set(cards)) == hand
        assert all(0 <= card < deck for card in cards)


def test_every_hand_is_dealt_as_often() -> None:
    """Of a small deck, every ordered hand comes from as many values."""
    found = Counter(tuple(deal(entropy, 4, 2)) for entropy in range(4 * 3 * 10))
    assert len(found) == 12
    assert set(found.values()) == {10}


def test_the_same_flow_has_the_same_hand() -> None:
    assert flow_hash("service-accounts", "joe") == flow_hash("service-accounts", "joe")
    assert flow_hash("a", "bc") != flow_hash("ab", "c")
    assert 0 <= flow_hash("x", "\udce4") < 2**64, "names that are no UTF-8 have flows, too"
