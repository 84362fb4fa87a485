"""Cluster IPs and node ports of Services: taken before a Service is stored, given back when that fails or it goes.

Kept in memory and rebuilt from the cache at start; one API server writes. Rules and messages:
k8s.io/kubernetes/pkg/registry/core/service/storage (alloc.go, storage.go).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network, ip_address

from sampan.apiserver.allocators.pool import Pool, PoolError
from sampan.kinds.core.service_types import (
    HEADLESS,
    may_have_node_ports,
    needs_cluster_ip,
    needs_health_check_port,
    needs_node_ports,
)
from sampan.machinery.errors import FIELD_INVALID, FieldError, InternalError, Invalid
from sampan.machinery.meta import Object

Taken = list[tuple[Pool, int]]


class ServiceAllocators:
    """The two pools and the protocol of using them: `with reserve(new, old): store(new)`."""

    def __init__(self, service_range: IPv4Network, node_ports: range = range(30000, 32768)) -> None:
        size = service_range.num_addresses - 2
        self.addresses = Pool(
            int(service_range.network_address) + 1,
            size,
            min(max(16, size // 16), 256),
            "IP",
            f"The range of valid IPs is {service_range}",
        )
        self.ports = Pool(
            node_ports.start,
            len(node_ports),
            min(max(16, len(node_ports) // 32), 128),
            "port",
            f"The range of valid ports is {node_ports.start}-{node_ports.stop - 1}",
        )

    def load(self, services: Iterable[Object]) -> None:
        """Note what stored Services use."""
        for service in services:
            for pool, number in self._used(service):
                pool.mark(number)

    @contextmanager
    def reserve(self, new: Object, old: Object | None, *, dry_run: bool) -> Iterator[None]:
        """Complete a Service with addresses and ports for the time that it is written. Raises Invalid."""
        held = self._used(old) if old else []
        taken: Taken = []
        try:
            self._allocate(new, held, taken)
            yield
        except Exception:  # where the request is cancelled instead, the write may stand: nobody else gets its numbers
            _give_back(taken)
            raise
        if dry_run:
            _give_back(taken)
        else:
            kept = set(self._used(new))
            _give_back([use for use in held if use not in kept])

    def release(self, gone: Object) -> None:
        """Give back what a deleted Service had."""
        _give_back(self._used(gone))

    def _allocate(self, new: Object, held: Taken, taken: Taken) -> None:
        errors = [*self._allocate_address(new, held, taken), *self._allocate_ports(new, held, taken)]
        if errors:
            raise Invalid.of("Service", "", new["metadata"].get("name") or "", errors)

    def _allocate_address(self, new: Object, held: Taken, taken: Taken) -> Iterator[FieldError]:
        spec = new["spec"]
        if not needs_cluster_ip(spec):
            return
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        if spec.get("clusterIP") == HEADLESS:
            return
        wanted = spec.get("clusterIP") or ""
        try:
            address = self._take(self.addresses, int(ip_address(wanted)) if wanted else 0, wanted, held, taken)
        except ValueError:
            return  # validation says what is wrong with it
        except PoolError as error:
            if not wanted:
                raise InternalError(f"failed to allocate a serviceIP: {error}") from error
            detail = f"failed to allocate IP {wanted}: {error}"
            yield FieldError(FIELD_INVALID, "spec.clusterIPs", detail, [wanted])
            return
        spec["clusterIP"] = str(ip_address(address))
        spec["clusterIPs"] = [spec["clusterIP"]]

    def _allocate_ports(self, new: Object, held: Taken, taken: Taken) -> Iterator[FieldError]:
        spec = new["spec"]
        if not may_have_node_ports(spec):
            return
        automatic = needs_node_ports(spec)
        by_port: dict[int, int] = {}  # the same port in two protocols shares one node port
        for index, port in enumerate(spec.get("ports") or ()):
            number = port.get("port", 0)
            wanted = port.get("nodePort") or by_port.get(number, 0)
            if wanted and wanted == by_port.get(number):
                port["nodePort"] = wanted
            elif wanted or automatic:
                yield from self._take_port(port, f"spec.ports[{index}].nodePort", wanted, held, taken)
            if port.get("nodePort"):
                by_port[number] = port["nodePort"]
        if needs_health_check_port(spec):
            wanted = spec.get("healthCheckNodePort") or 0
            holder = {"nodePort": wanted}
            yield from self._take_port(holder, "spec.healthCheckNodePort", wanted, held, taken)
            spec["healthCheckNodePort"] = holder["nodePort"]

    def _take_port(self, port: Object, field: str, wanted: int, held: Taken, taken: Taken) -> Iterator[FieldError]:
        try:
            port["nodePort"] = self._take(self.ports, wanted, str(wanted), held, taken)
        except PoolError as error:
            if not wanted:
                raise InternalError(f"failed to allocate a nodePort: {error}") from error
            yield FieldError(FIELD_INVALID, field, str(error), wanted)

    def _take(self, pool: Pool, wanted: int, shown: str, held: Taken, taken: Taken) -> int:
        if wanted and (pool, wanted) in held:
            return wanted
        if wanted:
            pool.take(wanted, shown)
        number = wanted or pool.take_any()
        taken.append((pool, number))
        return number

    def _used(self, service: Object) -> Taken:
        spec = service["spec"]
        used: Taken = []
        address = spec.get("clusterIP") or HEADLESS
        if address != HEADLESS and ":" not in address:
            used.append((self.addresses, int(ip_address(address))))
        ports = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
        if spec.get("healthCheckNodePort"):
            ports.add(spec["healthCheckNodePort"])
        return used + [(self.ports, port) for port in sorted(ports)]


def _give_back(uses: Iterable[tuple[Pool, int]]) -> None:
    for pool, number in uses:
        pool.release(number)
