"""All names that this server answers for, and what it answers. No I/O.

Each owner (an object's kind and key) contributes records; `set` replaces an owner's and tells which names may now be
answered differently. A name above another exists too, without data (RFC 8020). Called by follow.py and answer.py.
"""

from collections.abc import Hashable, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from sampan.dns.records import Record, Records, Srv, pod_address

_REVERSE = ".in-addr.arpa"


class Answer(NamedTuple):
    """What is known of a name and type. No records although it exists is NODATA."""

    exists: bool
    records: tuple[Record, ...] = ()
    additional: tuple[tuple[str, Record], ...] = ()  # (name, record): addresses of what the records name


NXDOMAIN = Answer(False)
NODATA = Answer(True)


class Zone:
    """The records of the cluster's domain and of its address ranges."""

    def __init__(self, domain: str, ranges: tuple[str, ...] = ()) -> None:
        self.domain = domain
        self._ranges = tuple(IPv4Network(cidr) for cidr in ranges)
        self._pods = f"pod.{domain}"
        self._owned: dict[Hashable, Records] = {}
        self._records: dict[str, dict[Hashable, tuple[Record, ...]]] = {}
        self._below: dict[str, int] = {}  # name -> how many (owner, name) lie below it

    def set(self, owner: Hashable, records: Records) -> set[str]:
        """Replace what an owner contributes; returns the names concerned, none if nothing changed."""
        old = self._owned.pop(owner, {})
        if records:
            self._owned[owner] = records
        if old == records:
            return set()
        changed = set(old) | set(records)
        for name in old:
            self._withdraw(owner, name)
            changed.update(self._count(name, -1))
        for name, content in records.items():
            self._records.setdefault(name, {})[owner] = content
            changed.update(self._count(name, 1))
        return changed

    def origin(self, name: str) -> str | None:
        """The zone that a name belongs to, for the SOA record; None where this server has no say."""
        if name == self.domain or name.endswith("." + self.domain):
            return self.domain
        address = _reversed_address(name)
        ours = address is not None and any(address in network for network in self._ranges)
        return name if ours or (address and name in self._records) else None

    def lookup(self, name: str, type: str) -> Answer:
        """What is known of a name of this server, given in lower case without the final dot."""
        found = self._find(name)
        if found is None:
            return NXDOMAIN if name not in self._below else NODATA
        alias = tuple(record for record in found if record.type == "CNAME")
        records = alias or tuple(record for record in found if record.type == type)
        targets = dict.fromkeys(
            r.data.target if isinstance(r.data, Srv) else r.data for r in records if r.type in _NAMING
        )
        return Answer(True, records, tuple(self._addresses(targets)))

    def _find(self, name: str) -> tuple[Record, ...] | None:
        owners = self._records.get(name)
        if owners is not None:
            return tuple(dict.fromkeys(record for content in owners.values() for record in content))
        label, _, rest = name.partition(".")
        if rest.endswith(self._pods) and rest in self._records and (address := pod_address(label)):
            return (Record("A", address),)
        return None

    def _addresses(self, names: dict[str, None]) -> Iterator[tuple[str, Record]]:
        for name in names:
            for record in self._find(name) or ():
                if record.type == "A":
                    yield name, record

    def _withdraw(self, owner: Hashable, name: str) -> None:
        owners = self._records[name]
        del owners[owner]
        if not owners:
            del self._records[name]

    def _count(self, name: str, step: int) -> Iterator[str]:
        """Count a name at all above it; gives those that come or go with it."""
        while "." in name:
            name = name.partition(".")[2]
            before = self._below.get(name, 0)
            if before + step:
                self._below[name] = before + step
            else:
                del self._below[name]
            if not before or not before + step:
                yield name


_NAMING = ("SRV", "NS")


def _reversed_address(name: str) -> IPv4Address | None:
    """The address of 10.0.96.10.in-addr.arpa."""
    if not name.endswith(_REVERSE):
        return None
    labels = name.removesuffix(_REVERSE).split(".")
    try:
        return IPv4Address(".".join(reversed(labels)))
    except ValueError:
        return None
