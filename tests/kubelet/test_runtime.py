"""Runtime over a runtime that answers what the test says: what it remembers, and for how long."""

from collections.abc import Callable
from typing import Any, cast

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.cri import CRI
from sampan.kubelet.runtime import POD_NAME, POD_NAMESPACE, POD_UID, Runtime

LABELS = {POD_UID: "u1", POD_NAME: "web", POD_NAMESPACE: "default"}


class FakeCRI:
    """Containers of one pod. `during_list` is called while the runtime makes its list of them."""

    def __init__(self, **containers: Any) -> None:
        self.containers = containers  # id -> ContainerStatus
        self.during_list: Callable[[], None] = lambda: None

    async def list_sandboxes(self, labels: Any = None) -> list[Any]:
        return []

    async def list_containers(self, labels: Any = None) -> list[Any]:
        listed = [pb.Container(id=identity, labels=LABELS) for identity in self.containers]
        self.during_list()
        return listed

    async def container_status(self, identity: str) -> Any:
        return self.containers[identity]


def status(identity: str, state: int, code: int = 0, reason: str = "") -> Any:
    return pb.ContainerStatus(id=identity, state=state, exit_code=code, reason=reason)


def killed(identity: str, reason: str = "Error") -> Any:
    return status(identity, pb.CONTAINER_EXITED, 137, reason)


def over(cri: FakeCRI) -> Runtime:
    return Runtime(cast(CRI, cri))


async def reason(runtime: Runtime, identity: str = "c1") -> str:
    return next(c.reason for c in (await runtime.pod("u1")).containers if c.id == identity)


async def test_memory_that_ran_out_is_the_reason_though_it_is_announced_after_the_exit_was_read() -> None:
    runtime = over(FakeCRI(c1=killed("c1"), c2=killed("c2")))
    assert await reason(runtime) == "Error"
    runtime.out_of_memory("c1")
    assert (await reason(runtime), await reason(runtime, "c2")) == ("OOMKilled", "Error")


async def test_memory_that_ran_out_is_the_reason_though_the_runtime_takes_note_of_it_late() -> None:
    cri = FakeCRI(c1=status("c1", pb.CONTAINER_RUNNING))
    runtime = over(cri)
    runtime.out_of_memory("c1")
    assert await reason(runtime) == ""  # it lost a child, and goes on
    cri.containers["c1"] = status("c1", pb.CONTAINER_EXITED, 0, "Completed")
    assert await reason(runtime) == "OOMKilled"  # as containerd itself reports it, whatever the exit code
    runtime.read_again()
    assert await reason(runtime) == "OOMKilled"


async def test_what_was_announced_to_nobody_is_read_again() -> None:
    cri = FakeCRI(c1=killed("c1"))
    runtime = over(cri)
    assert await reason(runtime) == "Error"
    cri.containers["c1"] = killed("c1", "OOMKilled")
    assert await reason(runtime) == "Error"
    runtime.read_again()
    assert await reason(runtime) == "OOMKilled"


async def test_of_containers_that_are_gone_nothing_is_kept() -> None:
    cri = FakeCRI(c1=killed("c1"))
    runtime = over(cri)
    runtime.out_of_memory("c1")
    await runtime.pod("u1")
    del cri.containers["c1"]
    assert await runtime.uids() == {}
    cri.containers["c1"] = killed("c1")
    assert runtime.owner("c1") is None
    assert await reason(runtime) == "Error"


async def test_a_container_made_while_the_others_are_listed_is_not_forgotten() -> None:
    cri = FakeCRI(c1=killed("c1"))
    runtime = over(cri)

    def make() -> None:
        runtime.claim("c2", "u1")
        runtime.out_of_memory("c2")

    cri.during_list = make
    assert await runtime.uids() == {"u1": ("default", "web")}
    cri.containers["c2"] = killed("c2")
    assert runtime.owner("c2") == "u1"
    assert await reason(runtime, "c2") == "OOMKilled"
