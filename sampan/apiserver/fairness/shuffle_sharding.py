"""Shuffle sharding: every flow is dealt a few of a level's queues, so that two flows hardly ever share all of theirs.

Pure. Called by queue_set.py. Rule: KEP-1040, "Queue Assignment Proof of Concept".
"""

from hashlib import sha256


def flow_hash(schema: str, distinguisher: str) -> int:
    """64 bits that stand for a flow."""
    return int.from_bytes(
        sha256(f"{schema}\0{distinguisher}".encode("utf-8", "surrogateescape")).digest()[:8], "little"
    )


def deal(entropy: int, deck: int, hand: int) -> list[int]:
    """`hand` different numbers below `deck`: the same ones for the same `entropy`."""
    drawn: list[int] = []  # each counted among the cards that are still there
    cards: list[int] = []
    for taken in range(hand):
        entropy, card = divmod(entropy, deck - taken)
        drawn.append(card)
        for earlier in reversed(drawn[:-1]):
            card += card >= earlier
        cards.append(card)
    return cards
