"""The judgement of a run: what was promised, and where that was broken. Pure; an empty answer is a good one.

The events of all watches together are the log. Every acknowledged write is in it, once, and nothing else is but writes
of which nobody was told; each object's changes follow one another as compare-and-swap demands; revisions grow with real
time; reads and lists show what the log says, and nothing that was over before they were asked for. Watches are
bookmarkable, ordered, unique, reliable and resumable, as etcd's robustness tests demand (atomicity needs writes of
several objects, which the API has not).
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.soak.history import OK, REFUSED, History, Listed, Read, Seen, State, Watched, Write

_DELETED = "DELETED"
_TYPES = {"create": "ADDED", "update": "MODIFIED", "delete": _DELETED}


class Log(NamedTuple):
    """Every event by revision, and each object's in order."""

    events: Mapping[int, Seen]
    revisions: Sequence[int]
    by_key: Mapping[str, Sequence[Seen]]


def violations(history: History) -> list[str]:
    """All broken promises, each in one line."""
    log, found = _log(history.watches)
    found += [text for watch in history.watches for text in _watch(watch, log)]
    writes = [_resolved(write, log) for write in history.writes]
    found += _writes(writes, log)
    found += _chains(writes, log)
    found += _real_time(writes)
    acknowledged = _acknowledged(writes)
    found += [text for listed in history.lists for text in _list(listed, log, acknowledged)]
    found += [text for read in history.reads for text in _read(read, log, acknowledged)]
    return found


def _log(watches: Iterable[Watched]) -> tuple[Log, list[str]]:
    events: dict[int, Seen] = {}
    wrong = []
    for watch in watches:
        for seen in watch.events:
            if seen.key and events.setdefault(seen.revision, seen) != seen:
                wrong.append(f"two watches differ: {events[seen.revision]} and {seen}")
    by_key: dict[str, list[Seen]] = defaultdict(list)
    for revision in sorted(events):
        by_key[events[revision].key].append(events[revision])
    return Log(events, sorted(events), by_key), wrong


def _resolved(write: Write, log: Log) -> Write:
    """With the revision of a deletion, of which no answer tells: what comes after the state that it was to delete."""
    if write.verb != "delete" or write.outcome != OK or write.revision:
        return write
    following = _after(log.by_key.get(write.key, ()), write.expected)
    return write._replace(revision=following.revision if following else 0)


def _watch(watch: Watched, log: Log) -> Iterator[str]:
    """Ordered, unique, bookmarkable, resumable and reliable."""
    last, seen = watch.after, set[int]()
    for event in watch.events:
        if event.key:
            if event.revision <= last:
                yield f"a watch after {watch.after} shows {event} after {last}"
            seen.add(event.revision)
        elif event.revision < last:
            yield f"a watch after {watch.after} has a bookmark of {event.revision} after {last}"
        last = max(last, event.revision)
    between = log.revisions[bisect_right(log.revisions, watch.after) : bisect_right(log.revisions, last)]
    for missing in sorted(set(between) - seen):
        yield f"a watch after {watch.after} up to {last} has missed {log.events[missing]}"


def _writes(writes: Sequence[Write], log: Log) -> Iterator[str]:
    """Nothing that was acknowledged is lost, nothing that was refused has happened, and nothing else has."""
    explained = set[int]()
    unsure: dict[tuple[str, str, str], int] = defaultdict(int)
    refused = {(one.verb, one.key, one.value) for one in writes if one.outcome == REFUSED and one.verb != "delete"}
    for write in writes:
        if write.outcome == OK:
            event = log.events.get(write.revision)
            if event is None or (event.type, event.key, event.value) != (_TYPES[write.verb], write.key, write.value):
                yield f"an acknowledged write is lost: {write}, there is {event}"
            explained.add(write.revision)
        elif write.outcome != REFUSED:
            unsure[_TYPES[write.verb], write.key, write.value] += 1
    for revision in log.revisions:
        event = log.events[revision]
        if revision in explained:
            continue
        name = (event.type, event.key, event.value)
        if not unsure[name]:
            told = any((verb, event.key, event.value) in refused for verb in ("create", "update"))
            yield f"nobody wrote {event}" + (", but it was refused" if told else "")
        unsure[name] -= 1


def _chains(writes: Sequence[Write], log: Log) -> Iterator[str]:
    """Of each object, every change is one of the state before it."""
    expected = {write.revision: write.expected for write in writes if write.outcome == OK}
    for events in log.by_key.values():
        before: Seen | None = None
        for event in events:
            exists = before is not None and before.type != _DELETED
            if (event.type == "ADDED") == exists:
                yield f"{event} follows {before}"
            wanted = expected.get(event.revision)
            if wanted and before is not None and wanted != before.revision:
                yield f"{event} was to follow {wanted}, and follows {before}"
            before = event


def _real_time(writes: Iterable[Write]) -> Iterator[str]:
    """A write that began when another had been acknowledged has the higher revision."""
    done = sorted((write for write in writes if write.outcome == OK), key=lambda write: write.received)
    ends, highest, most = [write.received for write in done], list[int](), 0
    for write in done:
        most = max(most, write.revision)
        highest.append(most)
    for write in done:
        before = bisect_left(ends, write.sent)
        if before and highest[before - 1] >= write.revision:
            yield f"{write} began after revision {highest[before - 1]} had been acknowledged"


class _Acknowledged(NamedTuple):
    """When which revisions had been acknowledged."""

    ends: Sequence[float]
    highest: Sequence[int]
    at: Mapping[int, float]  # revision -> when
    sent: Mapping[int, float]

    def before(self, moment: float) -> int:
        """The highest that had been acknowledged then."""
        index = bisect_left(self.ends, moment)
        return self.highest[index - 1] if index else 0


def _acknowledged(writes: Iterable[Write]) -> _Acknowledged:
    done = sorted((write for write in writes if write.outcome == OK), key=lambda write: write.received)
    highest, most = [], 0
    for write in done:
        most = max(most, write.revision)
        highest.append(most)
    at = {write.revision: write.received for write in done}
    return _Acknowledged(
        [write.received for write in done], highest, at, {write.revision: write.sent for write in done}
    )


def _list(listed: Listed, log: Log, acknowledged: _Acknowledged) -> Iterator[str]:
    """The state at one revision, no older than what had been acknowledged."""
    if not listed.stale and listed.revision < (least := acknowledged.before(listed.sent)):
        yield f"a list of revision {listed.revision} is older than {least}, which had been acknowledged"
    for key, events in log.by_key.items():
        last = _at(events, listed.revision)
        state = None if last is None or last.type == _DELETED else State(last.revision, last.value)
        known = last is not None or (events and events[0].revision > listed.revision and events[0].type == "ADDED")
        if known and listed.found.get(key) != state:
            yield f"a list of revision {listed.revision} shows {key} as {listed.found.get(key)}, it was {state}"


def _at(events: Sequence[Seen], revision: int) -> Seen | None:
    index = bisect_right(events, revision, key=lambda event: event.revision)
    return events[index - 1] if index else None


def _read(read: Read, log: Log, acknowledged: _Acknowledged) -> Iterator[str]:
    """What was there at some time while it was asked for."""
    events = log.by_key.get(read.key, ())
    if read.found is not None:
        event = log.events.get(read.found.revision)
        if event is None or (event.key, event.value) != (read.key, read.found.value) or event.type == _DELETED:
            yield f"{read} is nothing that was written, there is {event}"
            return
        following = _after(events, read.found.revision)
        if following is not None and acknowledged.at.get(following.revision, read.sent) < read.sent:
            yield f"{read} was over: {following} had been acknowledged"
        if acknowledged.sent.get(read.found.revision, 0.0) > read.received:
            yield f"{read} shows what had not been asked for yet"
    elif not _was_absent(read, events, acknowledged):
        yield f"{read} has not found what was there all the time"


def _after(events: Sequence[Seen], revision: int) -> Seen | None:
    index = bisect_right(events, revision, key=lambda event: event.revision)
    return events[index] if index < len(events) else None


def _was_absent(read: Read, events: Sequence[Seen], acknowledged: _Acknowledged) -> bool:
    """Whether some span in which the object was not there may have touched the time of a read."""
    spans = [(0, events[0] if events else None)] if not events or events[0].type == "ADDED" else []
    spans += [(event.revision, _after(events, event.revision)) for event in events if event.type == _DELETED]
    for began, end in spans:
        over = end is not None and acknowledged.at.get(end.revision, read.sent) < read.sent
        ahead = acknowledged.sent.get(began, 0.0) > read.received
        if not over and not ahead:
            return True
    return False
