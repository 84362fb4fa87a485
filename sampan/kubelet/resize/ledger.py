"""What has been allocated to the pods of the node, and how far that has reached the runtime: kept over restarts.

A small file per pod, beside its volumes: it goes with them. Where it is missing or can't be read, the pod counts as
allocated what it asks for, and its running containers are told their resources once more. Upstream keeps the same in
two files, allocated_pods_state and actuated_pods_state. Shared by all pods' workers; written by the event loop only.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from sampan.kubelet.podspec import uid_of
from sampan.kubelet.resize.allocation import Allocation, allocation_of
from sampan.kubelet.resources import Limits
from sampan.machinery.meta import Object

log = logging.getLogger(__name__)

FILE = "resources.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one pod."""

    allocated: Allocation
    containers: Mapping[str, Object] = field(default_factory=dict)  # what the runtime has taken, by container
    cgroup: Limits | None = None  # of the pod; None before it has been made


class Ledger:
    """The records of all pods of this node; `place` says where a pod's files are."""

    def __init__(self, place: Callable[[str], Path]) -> None:
        self._place = place
        self._records: dict[str, Record] = {}

    def record(self, pod: Object) -> Record:
        """The pod's record; a pod that is new is allocated what it asks for."""
        uid = uid_of(pod)
        if uid not in self._records:
            self._records[uid] = self._read(uid) or Record(allocation_of(pod))
        return self._records[uid]

    def allocate(self, pod: Object) -> None:
        """Give a pod what its spec asks for."""
        self._write(pod, replace(self.record(pod), allocated=allocation_of(pod)))

    def took(self, pod: Object, name: str, resources: Object) -> None:
        """The runtime has started a container with these resources, or has changed it to them."""
        record = self.record(pod)
        self._write(pod, replace(record, containers={**record.containers, name: resources}))

    def set_cgroup(self, pod: Object, limits: Limits) -> None:
        """The pod's cgroup has these settings."""
        self._write(pod, replace(self.record(pod), cgroup=limits))

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._records.pop(uid, None)

    def _write(self, pod: Object, record: Record) -> None:
        uid = uid_of(pod)
        if record == self._records.get(uid) and self._file(uid).exists():
            return
        self._records[uid] = record
        file, draft = self._file(uid), self._file(uid).with_suffix(".draft")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(orjson.dumps(record))
            draft.replace(file)
        except OSError as error:  # it is known for as long as this process lives
            log.warning("the resources of the pod %s could not be written down: %s", uid, error)

    def _read(self, uid: str) -> Record | None:
        try:
            return _parsed(orjson.loads(self._file(uid).read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("what was allocated to the pod %s can't be read: %s", uid, error)
            return None

    def _file(self, uid: str) -> Path:
        return self._place(uid) / FILE


def _parsed(kept: Object) -> Record:
    allocated = Allocation(dict(kept["allocated"]["containers"]), kept["allocated"]["pod"])
    cgroup = Limits(**kept["cgroup"]) if kept["cgroup"] else None
    return Record(allocated, dict(kept["containers"]), cgroup)
