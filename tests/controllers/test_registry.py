"""The list of controllers."""

from sampan.apiserver.bootstrap import policy, policy_namespaced
from sampan.controllers.registry import all_controllers, is_enabled
from sampan.reconcile.controller import MANAGER


def test_every_controller_is_found_once_under_upstreams_name() -> None:
    names = [make.name for make in all_controllers()]
    assert sorted(names) == sorted(set(names))
    assert {"replicationcontroller-controller", "replicaset-controller", "endpoints-controller"} <= set(names)
    assert {"node-lifecycle-controller", "persistentvolume-protection-controller"} <= set(names)
    assert all(names)


def test_every_controller_has_an_account_with_a_default_role() -> None:
    bindings = [*policy.bindings(), *policy_namespaced.bindings()]
    bound = {
        subject["name"] for binding in bindings for subject in binding.get("subjects", ()) if "namespace" in subject
    }
    bound.add(MANAGER)
    assert {make.account or make.name for make in all_controllers()} <= bound


def test_which_run() -> None:
    assert is_enabled("a", ["*"]) and is_enabled("a", ["a"]) and is_enabled("a", ["*", "-b"])
    assert not is_enabled("a", ["*", "-a"]) and not is_enabled("a", ["b"]) and not is_enabled("a", ["-a", "a"])
