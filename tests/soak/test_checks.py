"""The judge sees what is broken: a good history is changed in one place each time."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.soak.checks import violations
from tests.soak.history import OK, REFUSED, UNKNOWN, History, Listed, Read, Seen, State, Watched, Write


def good() -> History:
    """Two objects: one made, changed twice and deleted, one made; one write of which nobody was told."""
    return History(
        writes=[
            Write("create", "a", "1", 0, 0.0, 1.0, OK, 10),
            Write("create", "a", "x", 0, 1.1, 1.2, REFUSED),
            Write("update", "a", "2", 10, 2.0, 3.0, OK, 11),
            Write("create", "b", "3", 0, 2.5, 3.5, OK, 12),
            Write("update", "a", "4", 11, 4.0, 9.0, UNKNOWN),
            Write("delete", "a", "4", 13, 10.0, 11.0, OK),
        ],
        reads=[
            Read("a", State(11, "2"), 3.1, 3.2),
            Read("a", State(13, "4"), 5.0, 6.0),
            Read("b", None, 0.0, 2.6),
            Read("a", None, 11.5, 12.0),
        ],
        lists=[
            Listed(12, {"a": State(11, "2"), "b": State(12, "3")}, 3.6, 3.7),
            Listed(14, {"b": State(12, "3")}, 12.0, 13.0),
            Listed(10, {"a": State(10, "1")}, 12.0, 13.0, stale=True),
        ],
        watches=[
            Watched(
                9,
                [
                    Seen("ADDED", 10, "a", "1"),
                    Seen("MODIFIED", 11, "a", "2"),
                    Seen("ADDED", 12, "b", "3"),
                    Seen("BOOKMARK", 12),
                    Seen("MODIFIED", 13, "a", "4"),
                    Seen("DELETED", 14, "a", "4"),
                ],
            ),
            Watched(12, [Seen("MODIFIED", 13, "a", "4"), Seen("BOOKMARK", 13)]),
        ],
    )


def test_a_good_history_is_good() -> None:
    assert violations(good()) == []


def _lose(history: History) -> None:
    for watch in history.watches:
        watch.events = [event for event in watch.events if event.revision != 12 or not event.key]


def _miss(history: History) -> None:
    history.watches[1].events.pop(0)


def _twice(history: History) -> None:
    history.watches[0].events.insert(1, history.watches[0].events[0])


def _swap(history: History) -> None:
    events = history.watches[0].events
    events[1], events[2] = events[2], events[1]


def _early_bookmark(history: History) -> None:
    history.watches[0].events[3] = Seen("BOOKMARK", 13)


def _late_bookmark(history: History) -> None:
    history.watches[0].events[3] = Seen("BOOKMARK", 11)


def _phantom(history: History) -> None:
    history.watches[0].events.append(Seen("ADDED", 15, "a", "5"))


def _refused_yet_there(history: History) -> None:
    history.watches[0].events.append(Seen("ADDED", 15, "a", "x"))


def _lost_update(history: History) -> None:
    history.writes[2] = history.writes[2]._replace(expected=9)


def _lost_deletion(history: History) -> None:
    history.watches[0].events.pop()


def _differ(history: History) -> None:
    history.watches[1].events[0] = Seen("MODIFIED", 13, "a", "5")


def _time_travel(history: History) -> None:
    history.writes[3] = history.writes[3]._replace(sent=11.5, received=11.6)


def _made_again(history: History) -> None:
    history.writes.append(Write("create", "b", "6", 0, 14.0, 15.0, OK, 15))
    history.watches[0].events.append(Seen("ADDED", 15, "b", "6"))


def _read(read: Read) -> Callable[[History], None]:
    return lambda history: history.reads.append(read)


def _list(listed: Listed) -> Callable[[History], None]:
    return lambda history: history.lists.append(listed)


BROKEN = {
    "an acknowledged write is lost": _lose,
    "an acknowledged write is lost: Write(verb='delete'": _lost_deletion,
    "has missed": _miss,
    "shows Seen(type='ADDED', revision=10": _twice,
    "shows Seen(type='MODIFIED', revision=11": _swap,
    "revision=13, key='a', value='4') after 13": _early_bookmark,
    "has a bookmark of 11 after 12": _late_bookmark,
    "nobody wrote": _phantom,
    "but it was refused": _refused_yet_there,
    "was to follow 9": _lost_update,
    "two watches differ": _differ,
    "had been acknowledged": _time_travel,
    "follows Seen(type='ADDED', revision=12": _made_again,
    "was over": _read(Read("a", State(10, "1"), 3.1, 3.2)),
    "is nothing that was written": _read(Read("a", State(10, "2"), 3.1, 3.2)),
    "shows what had not been asked for yet": _read(Read("b", State(12, "3"), 1.0, 2.0)),
    "has not found": _read(Read("b", None, 4.0, 5.0)),
    "a list of revision 10 is older": _list(Listed(10, {"a": State(10, "1")}, 12.0, 13.0)),
    "it was None": _list(Listed(14, {"b": State(12, "3"), "a": State(13, "4")}, 12.0, 13.0)),
    "shows b as None": _list(Listed(14, {}, 12.0, 13.0)),
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_broken_is_named(text: str) -> None:
    history = deepcopy(good())
    BROKEN[text](history)
    assert any(text in found for found in violations(history)), violations(history)
