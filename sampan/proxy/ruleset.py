"""A table of nftables as data, and the script that turns one into another. Pure.

`diff` names only what differs, so a change costs what it touches, not what is there. Chains' rules and elements'
values are plain nft text; who writes them is base.py, services.py and hostports.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

_LONGEST_NAME = 200  # the kernel takes 255 bytes


def name_of(*parts: object) -> str:
    """The name of a chain or set, `service/default/web/tcp/80`; the end of a long one gives way to a hash."""
    name = "/".join(map(str, parts))
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 33]}-{sha256(name.encode()).hexdigest()[:32]}"


class Chain(NamedTuple):
    """Rules in order. `hook` is the text after "type", for a base chain only; it never changes for a name."""

    rules: tuple[str, ...]
    hook: str = ""


class SetSpec(NamedTuple):
    """A set or map, by the text between its braces. It never changes for a name."""

    keyword: str  # "set" or "map"
    text: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a table: what one Service, or the base, contributes."""

    chains: Mapping[str, Chain] = field(default_factory=dict)
    sets: Mapping[str, SetSpec] = field(default_factory=dict)
    elements: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # set -> key -> value; "" in plain sets


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A whole table of family ip."""

    table: str
    chains: Mapping[str, Chain]
    sets: Mapping[str, SetSpec]
    elements: Mapping[str, Mapping[str, str]]


def assemble(table: str, fragments: Iterable[Fragment]) -> RuleSet:
    """One table of its parts. Where two claim one element (two Services with one external IP), the first has it."""
    chains: dict[str, Chain] = {}
    sets: dict[str, SetSpec] = {}
    elements: dict[str, dict[str, str]] = {}
    for fragment in fragments:
        chains.update(fragment.chains)
        sets.update(fragment.sets)
        for name, content in fragment.elements.items():
            target = elements.setdefault(name, {})
            for key, value in content.items():
                target.setdefault(key, value)
    return RuleSet(table, chains, sets, elements)


def empty(table: str) -> RuleSet:
    """A table without content."""
    return RuleSet(table, {}, {}, {})


def full(new: RuleSet) -> str:
    """The script that puts this table in the place of any that has its name."""
    return f"add table ip {new.table}\ndelete table ip {new.table}\nadd table ip {new.table}\n" + diff(
        empty(new.table), new
    )


def diff(old: RuleSet, new: RuleSet) -> str:
    """The script from `old` to `new`; "" where they are alike.

    The order is what the kernel asks for: things exist before they are named, and are named no more before they go.
    """
    return "".join(f"{line}\n" for line in _lines(old, new))


def _lines(old: RuleSet, new: RuleSet) -> Iterator[str]:
    table = f"ip {new.table}"
    changed = [name for name, chain in new.chains.items() if old.chains.get(name) != chain]
    gone = [name for name in old.chains if name not in new.chains]
    for name, spec in new.sets.items():
        if name not in old.sets:
            yield f"add {spec.keyword} {table} {name} {{ {spec.text} ; }}"
    for name in changed:
        if name not in old.chains:
            hook = new.chains[name].hook
            yield f"add chain {table} {name}" + (f" {{ type {hook} ; }}" if hook else "")
    for name in [*(name for name in changed if name in old.chains), *gone]:
        yield f"flush chain {table} {name}"
    yield from _element_lines("delete", table, _vanished(old, new))
    for name in changed:
        for rule in new.chains[name].rules:
            yield f"add rule {table} {name} {rule}"
    yield from _element_lines("add", table, _appeared(old, new))
    for name in gone:
        yield f"delete chain {table} {name}"
    for name, spec in old.sets.items():
        if name not in new.sets:
            yield f"delete {spec.keyword} {table} {name}"


def _vanished(old: RuleSet, new: RuleSet) -> Iterator[tuple[str, list[str]]]:
    """Keys of elements that go or change, by set; those of a set that goes altogether go with it."""
    for name, content in old.elements.items():
        now = new.elements.get(name, {})
        if keys := [key for key, value in content.items() if now.get(key) != value]:
            yield name, keys


def _appeared(old: RuleSet, new: RuleSet) -> Iterator[tuple[str, list[str]]]:
    for name, content in new.elements.items():
        before = old.elements.get(name, {})
        if texts := [f"{k} : {v}" if v else k for k, v in content.items() if before.get(k) != v]:
            yield name, texts


def _element_lines(verb: str, table: str, elements: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    for name, texts in elements:
        yield f"{verb} element {table} {name} {{ {', '.join(texts)} }}"
