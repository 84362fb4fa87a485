"""The list of controllers."""

from sampan.controllers.registry import all_controllers


def test_every_controller_is_found_once_under_upstreams_name() -> None:
    names = [make.name for make in all_controllers()]
    assert sorted(names) == sorted(set(names))
    assert {"replication-controller", "replicaset-controller", "deployment-controller"} <= set(names)
    assert all(names)
