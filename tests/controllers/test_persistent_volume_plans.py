"""Which volume a claim gets, and what is written for it in which order: pure plans, whatever has happened before."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.persistent_volume.claim import plan_claim
from sampan.controllers.persistent_volume.deleters import deleter_of
from sampan.controllers.persistent_volume.deleting import remove_below_tmp
from sampan.controllers.persistent_volume.free_volumes import FreeVolumes
from sampan.controllers.persistent_volume.matching import best_match
from sampan.controllers.persistent_volume.recycler_pod import recycler_pod
from sampan.controllers.persistent_volume.volume import plan_volume
from sampan.machinery.errors import Conflict
from sampan.machinery.meta import Key, Object, annotations_of
from sampan.machinery.quantity import parse
from sampan.machinery.tree import get_path
from tests.controllers.cluster import NS
from tests.controllers.volumes import BY_US, COMPLETED, ROX, RWO, RWX, World, claim, ref, storage_class, view, volume

MARKED = {BY_US: "yes", COMPLETED: "yes"}
DELAYED = storage_class("late", volumeBindingMode="WaitForFirstConsumer")
DELETING = "2025-01-01T00:00:00Z"


def deleting(obj: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": DELETING}}


def labelled(obj: Object, **labels: str) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


@pytest.mark.parametrize(
    ("wanted", "volumes", "chosen"),
    [
        (claim(), [volume("big", "9Gi"), volume("small", "2Gi"), volume("tiny", "1Mi")], "small"),
        (claim(), [volume("b"), volume("a")], "a"),
        (claim(size="1024Mi"), [volume()], "disk"),
        (claim(size="1073741825"), [volume()], None),
        (claim(), [volume("many", accessModes=[RWO, RWX]), volume("one", "9Gi")], "one"),
        (claim(accessModes=[RWX]), [volume(), volume("many", accessModes=[RWO, RWX])], "many"),
        (claim(accessModes=[RWX, ROX]), [volume(accessModes=[RWX])], None),
        (claim(), [volume(volumeMode="Block")], None),
        (claim(volumeMode="Block"), [volume(volumeMode="Block")], "disk"),
        (claim(), [volume(volumeMode="Filesystem")], "disk"),
        (claim(storageClassName="fast"), [volume(), volume("f", storageClassName="fast")], "f"),
        (claim(storageClassName=""), [volume("f", storageClassName="fast"), volume()], "disk"),
        (
            claim(annotations={"volume.beta.kubernetes.io/storage-class": "fast"}),
            [volume(storageClassName="fast")],
            "disk",
        ),
        (claim(volumeAttributesClassName="gold"), [volume()], None),
        (claim(selector={"matchLabels": {"tier": "a"}}), [volume(), labelled(volume("l", "9Gi"), tier="a")], "l"),
        (claim(selector={}), [volume()], "disk"),
        (claim(), [volume(phase="Released")], None),
        (claim(), [volume(phase="Pending")], None),
        (claim(), [deleting(volume())], None),
        (claim(), [volume(claimRef=ref("other"))], None),
        (claim(), [volume("a"), volume("kept", "9Gi", phase="Pending", claimRef=ref(uid=""))], "kept"),
        (claim(), [volume("kept", storageClassName="x", phase="Bound", claimRef=ref())], "kept"),
        (claim(), [volume("kept", "1Mi", claimRef=ref(uid=""))], None),
        (claim(), [volume("kept", claimRef=ref(uid="another"))], None),
    ],
)
def test_the_volume_of_a_claim(wanted: Object, volumes: list[Object], chosen: str | None) -> None:
    found = best_match(wanted, volumes, only_kept=False)
    assert (found and found["metadata"]["name"]) == chosen


MODES = st.lists(st.sampled_from([RWO, ROX, RWX]), min_size=1, max_size=3, unique=True)
SIZES = st.sampled_from(["1", "1Ki", "1Gi", "1.5Gi", "1e3", "8Ei", "9223372036854775807", "-1", "0", "1n", "100m"])


@given(st.lists(st.tuples(SIZES, MODES)), SIZES, MODES)
def test_it_is_the_smallest_of_those_with_the_fewest_modes(
    offers: list[tuple[str, list[str]]], size: str, modes: list[str]
) -> None:
    volumes = [volume(f"v{number}", size, accessModes=modes) for number, (size, modes) in enumerate(offers)]
    fitting = [one for one in offers if set(modes) <= set(one[1]) and parse(one[0]).nano >= parse(size).nano]
    found = best_match(claim(size=size, accessModes=modes), volumes, only_kept=False)
    assert (found is None) == (not fitting)
    if found is not None:
        order = [(len(modes), parse(size).nano) for size, modes in fitting]
        assert (len(found["spec"]["accessModes"]), parse(found["spec"]["capacity"]["storage"]).nano) == min(order)


@given(st.lists(st.tuples(SIZES, MODES, st.booleans(), st.booleans())), SIZES, MODES)
def test_volumes_are_filed_so_that_the_best_is_found(
    offers: list[tuple[str, list[str], bool, bool]], size: str, modes: list[str]
) -> None:
    free, there = FreeVolumes(), dict[Key, Object]()
    for number, (capacity, offered, is_taken, is_gone) in enumerate(offers):
        made = volume(f"v{number}", capacity, accessModes=offered)
        free.change(None, made)
        if is_gone:
            free.change(made, None)
        else:
            there[Key("", f"v{number}")] = (
                {**made, "spec": {**made["spec"], "claimRef": ref("b")}} if is_taken else made
            )
    wanted = claim(size=size, accessModes=modes)
    offered_ = free.offers(wanted, there.get)
    assert best_match(wanted, offered_, only_kept=False) == best_match(wanted, there.values(), only_kept=False)
    for made in [volume(f"v{number}", size, accessModes=modes) for number, (size, modes, *_) in enumerate(offers)]:
        if Key("", made["metadata"]["name"]) in there:
            free.change(made, None)
    assert free._classes == {}


def test_a_binding_is_four_writes() -> None:
    world = World(volume("big", "9Gi"), volume("fits", "2Gi"), claim())
    written = []
    while (step := world.plan(Key(NS, "data"))).write is not None:
        assert step.again and not step.told
        world.take(step.write)
        written.append((step.write.kind.name, step.write.subresource))
    assert written == [
        ("PersistentVolume", ""),
        ("PersistentVolume", "status"),
        ("PersistentVolumeClaim", ""),
        ("PersistentVolumeClaim", "status"),
    ]
    bound, has = world.volumes["fits"], world.claims[Key(NS, "data")]
    assert bound["spec"]["claimRef"].items() >= {"kind": "PersistentVolumeClaim", **ref()}.items()
    assert (bound["status"], bound["metadata"]["annotations"]) == ({"phase": "Bound"}, {BY_US: "yes"})
    assert (has["spec"]["volumeName"], has["metadata"]["annotations"]) == ("fits", MARKED)
    assert has["status"] == {"phase": "Bound", "accessModes": [RWO], "capacity": {"storage": "2Gi"}}
    assert world.plan(Key("", "fits")).write is None


def test_what_its_maker_has_kept_is_not_marked_as_bound_by_us() -> None:
    kept, asking = volume(claimRef=ref(uid="")), claim(volumeName="disk")
    step = plan_claim(asking, view(kept))
    assert step.write and step.write.obj["spec"]["claimRef"]["uid"] == "uid-data"
    assert annotations_of(step.write.obj) == {}
    world = World(kept, asking)
    while (step := world.plan(Key(NS, "data"))).write is not None:
        world.take(step.write)
    assert annotations_of(world.claims[Key(NS, "data")]) == {COMPLETED: "yes"}


def phase_written(step: Any) -> str:
    if step.write is None:
        return ""
    return str(step.write.obj["status"]["phase"]) if step.write.subresource == "status" else "spec"


NO_CLASS = "no persistent volumes available for this claim and no storage class is set"
EXTERNAL = "Waiting for a volume to be created either by the external provisioner 'example.com/disks'"
MISFIT = 'Cannot bind to requested volume "disk": '
TAKEN = 'volume "disk" already bound to a different claim.'
FRESH: Object = {**claim(), "status": {}}


@pytest.mark.parametrize(
    ("one", "there", "phase", "reason", "message"),
    [
        (claim(), view(), "", "FailedBinding", NO_CLASS),
        (FRESH, view(), "Pending", "FailedBinding", NO_CLASS),
        (claim(storageClassName=""), view(default="fast"), "", "FailedBinding", NO_CLASS),
        (claim(storageClassName="fast"), view(classes=[storage_class()]), "spec", "ExternalProvisioning", EXTERNAL),
        (
            claim(storageClassName="gone"),
            view(),
            "",
            "ProvisioningFailed",
            'storageclass.storage.k8s.io "gone" not found',
        ),
        (
            claim(storageClassName="fast"),
            view(classes=[storage_class(provisioner="kubernetes.io/no-provisioner")]),
            "",
            "ProvisioningFailed",
            "no volume plugin matched name: kubernetes.io/no-provisioner",
        ),
        (
            claim(storageClassName="fast"),
            view(classes=[storage_class(provisioner="kubernetes.io/host-path")]),
            "spec",
            "ProvisioningFailed",
            'Failed to create provisioner: provisioning in volume plugin "kubernetes.io/host-path" is disabled',
        ),
        (
            claim(storageClassName="late"),
            view(volume(storageClassName="late"), classes=[DELAYED]),
            "",
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding",
        ),
        (
            claim(storageClassName="late"),
            view(classes=[DELAYED], waiting_pods=["a", "b"]),
            "",
            "WaitForPodScheduled",
            "waiting for pods a,b to be scheduled",
        ),
        (
            claim(storageClassName="late", annotations={"volume.kubernetes.io/selected-node": "n"}),
            view(classes=[DELAYED]),
            "spec",
            "ExternalProvisioning",
            EXTERNAL,
        ),
        (claim(volumeName="disk", phase=""), view(), "Pending", "", ""),
        (
            claim(volumeName="disk"),
            view(volume(size="1Mi")),
            "",
            "VolumeMismatch",
            MISFIT + "requested PV is too small",
        ),
        (
            claim(volumeName="disk"),
            view(volume(storageClassName="fast")),
            "",
            "VolumeMismatch",
            MISFIT + "storageClassName does not match",
        ),
        (
            claim(volumeName="disk"),
            view(volume(volumeMode="Block")),
            "",
            "VolumeMismatch",
            MISFIT + "incompatible volumeMode",
        ),
        (
            claim(volumeName="disk", accessModes=[RWX]),
            view(volume()),
            "",
            "VolumeMismatch",
            MISFIT + "incompatible accessMode",
        ),
        (
            claim(volumeName="disk"),
            view(deleting(volume())),
            "",
            "VolumeMismatch",
            MISFIT + 'the volume is marked for deletion "disk"',
        ),
        (claim(volumeName="disk", phase=""), view(volume(claimRef=ref("b"))), "Pending", "FailedBinding", TAKEN),
        (
            claim(volumeName="disk", phase="", annotations={BY_US: "yes"}),
            view(volume(claimRef=ref("b"))),
            "",
            "FailedBinding",
            TAKEN,
        ),
        (
            claim(phase="Bound", annotations=MARKED),
            view(),
            "Lost",
            "ClaimLost",
            "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!",
        ),
        (
            claim(phase="Bound", volumeName="disk", annotations=MARKED),
            view(),
            "Lost",
            "ClaimLost",
            "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
        ),
        (
            claim(phase="Bound", volumeName="disk", annotations=MARKED),
            view(volume(claimRef=ref("b"))),
            "Lost",
            "ClaimMisbound",
            "Two claims are bound to the same volume, this one is bound incorrectly",
        ),
        (claim(phase="Lost", volumeName="disk", annotations=MARKED), view(), "", "", ""),
        (claim(phase="Bound", volumeName="disk", annotations=MARKED), view(volume()), "spec", "", ""),
    ],
)
def test_the_next_step_for_a_claim(one: Object, there: Any, phase: str, reason: str, message: str) -> None:
    step = plan_claim(one, there)
    assert phase_written(step) == phase
    told = [(event.reason, event.message) for _, event in step.told]
    assert (told == []) if not reason else (told[0][0] == reason and told[0][1].startswith(message))


def test_a_claim_without_a_class_gets_the_default_where_no_volume_is_there() -> None:
    step = plan_claim(claim(), view(default="fast"))
    assert step.again and step.write and step.write.obj["spec"]["storageClassName"] == "fast"
    step = plan_claim(claim(), view(volume(), default="fast"))
    assert step.write and step.write.kind.name == "PersistentVolume"


def test_provisioners_are_named_twice_and_those_of_old_by_their_drivers() -> None:
    old = storage_class(provisioner="kubernetes.io/gce-pd")
    step = plan_claim(claim(storageClassName="fast"), view(classes=[old]))
    assert step.write and annotations_of(step.write.obj) == {
        "volume.kubernetes.io/storage-provisioner": "pd.csi.storage.gke.io",
        "volume.beta.kubernetes.io/storage-provisioner": "pd.csi.storage.gke.io",
    }
    marked = {"volume.kubernetes.io/storage-provisioner": "kubernetes.io/gce-pd"}
    step = plan_claim(claim(annotations=marked), view())
    assert step.write and annotations_of(step.write.obj)["pv.kubernetes.io/migrated-to"] == "pd.csi.storage.gke.io"


def test_what_a_claim_has_follows_its_volume_only_when_it_is_bound() -> None:
    has = {"phase": "Bound", "accessModes": [RWO], "capacity": {"storage": "1Gi"}}
    grown = volume(size="5Gi", phase="Bound", claimRef=ref(), annotations={BY_US: "yes"})
    bound = {**claim(volumeName="disk", annotations=MARKED), "status": has}
    assert plan_claim(bound, view(grown)).write is None
    lost = {**bound, "status": {"phase": "Lost"}}
    step = plan_claim(lost, view(grown))
    assert step.write and step.write.obj["status"] == {**has, "capacity": {"storage": "5Gi"}}
    not_yet = {**grown, "metadata": {**grown["metadata"]}}
    not_yet["metadata"]["annotations"] = {BY_US: "yes", "volume.alpha.kubernetes.io/pre-resize-capacity": "2Gi"}
    step = plan_claim(lost, view(not_yet))
    assert step.write and step.write.obj["status"]["capacity"] == {"storage": "2Gi"}


MINE = {"pv.kubernetes.io/provisioned-by": "example.com/disks", BY_US: "yes"}


@pytest.mark.parametrize(
    ("one", "claimed", "phase", "reclaims"),
    [
        (volume(phase="Pending"), None, "Available", False),
        (volume(), None, "", False),
        (volume(phase="Pending", claimRef=ref(uid="")), claim(), "Available", False),
        (volume(phase="Bound", claimRef=ref()), None, "Released", False),
        (volume(phase="Bound", claimRef=ref(uid="old")), claim(), "Released", False),
        (volume(phase="Released", claimRef=ref()), None, "", False),
        (volume(phase="Released", claimRef=ref(), persistentVolumeReclaimPolicy="Delete"), None, "", True),
        (volume(phase="Failed", claimRef=ref(), persistentVolumeReclaimPolicy="Recycle"), None, "", True),
        (volume(phase="Released", claimRef=ref(), persistentVolumeReclaimPolicy="Burn"), None, "Failed", False),
        (volume(phase="Available", claimRef=ref()), claim(volumeName="disk"), "Bound", False),
        (volume(phase="Bound", claimRef=ref()), claim(), "", False),
        (volume(phase="Bound", claimRef=ref(), annotations={BY_US: "yes"}), claim(volumeName="b"), "spec", False),
        (
            volume(phase="Bound", claimRef=ref(), annotations=MINE, persistentVolumeReclaimPolicy="Delete"),
            claim(volumeName="b"),
            "Released",
            False,
        ),
    ],
)
def test_the_next_step_for_a_volume(one: Object, claimed: Object | None, phase: str, reclaims: bool) -> None:
    step = plan_volume(one, claimed)
    assert (phase_written(step), step.reclaim) == (phase, reclaims)


def test_a_binding_is_taken_back() -> None:
    elsewhere = claim(volumeName="b")
    ours = plan_volume(volume(claimRef=ref(), annotations={BY_US: "yes"}), elsewhere).write
    assert ours and "claimRef" not in ours.obj["spec"] and annotations_of(ours.obj) == {}
    kept = plan_volume(volume(claimRef=ref()), elsewhere).write
    assert kept and kept.obj["spec"]["claimRef"] == ref(uid="")


def test_files_and_blocks_never_meet() -> None:
    step = plan_volume(volume(claimRef=ref(), volumeMode="Block"), claim())
    assert step.write is None
    assert [(about["kind"], event.reason) for about, event in step.told] == [
        ("PersistentVolume", "VolumeMismatch"),
        ("PersistentVolumeClaim", "VolumeMismatch"),
    ]


def test_finalizers_of_volumes_that_a_plugin_here_has_made() -> None:
    made = volume(annotations={"pv.kubernetes.io/provisioned-by": "kubernetes.io/host-path"})
    deleted = {**made, "spec": {**made["spec"], "persistentVolumeReclaimPolicy": "Delete"}}
    step = plan_volume(deleted, None)
    assert step.write and step.write.obj["metadata"]["finalizers"] == ["kubernetes.io/pv-controller"]
    step = plan_volume({**made, "metadata": step.write.obj["metadata"]}, None)
    assert step.write and "finalizers" not in step.write.obj["metadata"]


@pytest.mark.parametrize(
    ("one", "is_ours", "problem"),
    [
        (volume(), True, ""),
        (volume(annotations=MINE), False, ""),
        (volume(csi={"driver": "d"}), False, ""),
        (
            volume(local={"path": "/x"}),
            False,
            'error getting deleter volume plugin for volume "disk": no volume plugin matched',
        ),
        (
            volume(nfs={"server": "s"}),
            False,
            'error getting deleter volume plugin for volume "disk": no deletable volume plugin matched',
        ),
    ],
)
def test_who_deletes(one: Object, is_ours: bool, problem: str) -> None:
    assert deleter_of(one) == (is_ours, problem)


def test_only_what_lies_below_tmp_is_removed(tmp_path: Any) -> None:
    (tmp_path / "pv" / "deep").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "kept" / "file").touch()
    assert remove_below_tmp(str(tmp_path / "pv")) == "" and not (tmp_path / "pv").exists()
    assert remove_below_tmp(str(tmp_path / "pv")) == ""
    assert remove_below_tmp(str(tmp_path / "link" / "file")) != "" and (tmp_path / "kept" / "file").exists()
    assert remove_below_tmp(str(tmp_path / "link")) == "" and (tmp_path / "kept" / "file").exists()
    for path in ("/", "/tmp", "/tmp/", "/etc/x", "/var/tmp/x", "tmp/x", "", "/tmp/../etc", "/tmp/x\0"):
        assert remove_below_tmp(path).startswith("host_path deleter only supports /tmp/.+"), path


@pytest.mark.parametrize(
    ("size", "seconds"), [("1Gi", 60), ("100Gi", 3000), ("9223372036854775807", 2**31 - 1), ("0", 60)]
)
def test_how_long_emptying_may_take(size: str, seconds: int) -> None:
    pod = recycler_pod(volume(size=size))
    assert pod and pod["spec"]["activeDeadlineSeconds"] == seconds
    assert pod["spec"]["volumes"] == [{"name": "vol", "hostPath": {"path": "/data"}}]
    assert recycler_pod(volume(local={"path": "/x"})) is None


ACTIONS = st.one_of(
    st.tuples(st.just("look"), st.integers(0, 1)),
    st.tuples(st.just("claim"), st.integers(0, 1), st.integers(0, 2)),
    st.tuples(st.just("volume"), st.integers(0, 1), st.integers(0, 2)),
    st.tuples(st.just("delete claim"), st.integers(0, 2)),
    st.tuples(st.just("delete volume"), st.integers(0, 2)),
)


@given(st.lists(ACTIONS, max_size=40), st.booleans())
def test_no_volume_is_ever_bound_twice(actions: list[tuple[Any, ...]], is_kept: bool) -> None:
    """Two controllers that see old states, are killed after any write, and what they work on is deleted meanwhile."""
    first = volume("v0", claimRef=ref("c0", uid="")) if is_kept else volume("v0")
    world = World(first, volume("v1", "2Gi"), volume("v2", "3Gi"), *(claim(f"c{number}") for number in range(3)))
    seen = [world.copy(), world.copy()]
    for action, *numbers in actions:
        if action == "look":
            seen[numbers[0]] = world.copy()
        elif action == "delete claim":
            world.claims.pop(Key(NS, f"c{numbers[0]}"), None)
        elif action == "delete volume":
            world.volumes.pop(f"v{numbers[0]}", None)
        else:
            key = Key(NS, f"c{numbers[1]}") if action == "claim" else Key("", f"v{numbers[1]}")
            step = seen[numbers[0]].plan(key)
            if step.write is not None:
                with suppress(Conflict):
                    world.take(step.write)
        assert_each_has_its_own(world)
    finish(world)
    assert_each_has_its_own(world)
    for one in world.claims.values():
        has = world.volumes.get(one["spec"].get("volumeName") or "")
        if one["status"]["phase"] == "Bound":
            assert has and has["spec"]["claimRef"]["uid"] == one["metadata"]["uid"]
            assert has["status"]["phase"] == "Bound" and COMPLETED in annotations_of(one)
        elif one["status"]["phase"] == "Pending":
            assert all(volume["status"]["phase"] != "Available" or is_kept for volume in world.volumes.values())
        else:
            assert has is None
    for volume_ in world.volumes.values():
        names = get_path(volume_, ("spec", "claimRef", "uid"))
        assert volume_["status"]["phase"] != "Bound" or names in {c["metadata"]["uid"] for c in world.claims.values()}


def finish(world: World) -> None:
    """One controller alone, until there is nothing left to do."""
    for _ in range(100):
        steps = [step.write for key in world.places() if (step := world.plan(key)).write is not None]
        if not steps:
            return
        world.take(steps[0])
    raise AssertionError("it never ends")


def assert_each_has_its_own(world: World) -> None:
    names = [one["spec"]["volumeName"] for one in world.claims.values() if one["spec"].get("volumeName")]
    assert len(names) == len(set(names))
