"""StatefulSets: pods in their places, one after the other or at once; updates; claims that stay or go."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.stateful_set.claims import claims_for, is_stale, kept
from sampan.controllers.stateful_set.plan import Plan, Revision, View, plan
from sampan.controllers.stateful_set.pods import is_member, is_sound, ordinal_of, pod_for
from sampan.controllers.stateful_set.status import next_look, status_of
from sampan.controllers.stateful_set.update import outdated
from sampan.kinds.apps.controller_revision import KIND as CONTROLLER_REVISION
from sampan.kinds.apps.stateful_set import KIND as STATEFUL_SET
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Key, Object, controller_ref, format_time, key_of, labels_of
from sampan.testing.clock import EPOCH
from tests.controllers.cluster import NS, Cluster

LATER = EPOCH + timedelta(hours=1)
OLD, NEW = "web-old", "web-new"


def web(replicas: int = 3, claims: int = 0, image: str = "web:1", **spec: Any) -> Object:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    full: Object = {
        "replicas": replicas,
        "serviceName": "web",
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}},
        "selector": {"matchLabels": labels},
        "template": template,
    }
    if claims:
        resources = {"requests": {"storage": "1Mi"}}
        full["volumeClaimTemplates"] = [
            {"metadata": {"name": f"data{n or ''}"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": resources}}
            for n in range(claims)
        ]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "web", "namespace": NS, "uid": "set", "generation": 1},
        "spec": {**full, **spec},
    }


def pod(ordinal: int, revision: str = NEW, state: str = "ready", **meta: Any) -> Object:
    """A pod that is ready, starting, finished or leaving."""
    ready = {"type": "Ready", "status": str(state in ("ready", "leaving")), "lastTransitionTime": format_time(EPOCH)}
    phase = {"finished": "Failed", "pending": "Pending"}.get(state, "Running")
    leaving = {"deletionTimestamp": format_time(EPOCH)} if state == "leaving" else {}
    labels = {"controller-revision-hash": revision, "statefulset.kubernetes.io/pod-name": f"web-{ordinal}"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"web-{ordinal}", "namespace": NS, "uid": f"p{ordinal}", "labels": labels}
        | leaving
        | meta,
        "spec": {},
        "status": {"phase": phase, "conditions": [ready]},
    }


def view(
    stateful_set: Object, *pods: Object, claim: Callable[[str], Object | None] = lambda name: None, current: str = OLD
) -> View:
    template = stateful_set["spec"]["template"]
    return View(stateful_set, pods, Revision(current, template), Revision(NEW, template), claim, LATER)


def names(objects: list[Object]) -> list[str]:
    return [one["metadata"]["name"] for one in objects]


def steps(decided: Plan) -> tuple[list[str], list[str]]:
    return names(decided.create), names(decided.delete)


def updates(seen: View) -> list[str]:
    return [] if plan(seen).is_held else names(outdated(seen))


@pytest.mark.parametrize(
    ("name", "ordinal"),
    [
        ("web-0", 0),
        ("web-12", 12),
        *((name, None) for name in ("web-", "web-01", "other-1", "web-a-1", "web", "web-²", "web-" + "9" * 400)),
    ],
)
def test_ordinals(name: str, ordinal: int | None) -> None:
    found = {"metadata": {"name": name}}
    assert ordinal_of(web(), found) == ordinal and is_member(web(), found) == (ordinal is not None)


def test_a_pod_bears_its_place() -> None:
    made = pod_for(web(claims=2), web()["spec"]["template"], NEW, 1)
    assert made["metadata"] == {
        "name": "web-1",
        "namespace": NS,
        "labels": {
            "app": "web",
            "controller-revision-hash": NEW,
            "statefulset.kubernetes.io/pod-name": "web-1",
            "apps.kubernetes.io/pod-index": "1",
        },
        "ownerReferences": [controller_ref(web())],
    }
    assert (made["spec"]["hostname"], made["spec"]["subdomain"]) == ("web-1", "web")
    assert made["spec"]["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}},
        {"name": "data1", "persistentVolumeClaim": {"claimName": "data1-web-1"}},
    ]
    assert is_sound(web(claims=2), made, 1)
    assert not is_sound(web(claims=3), made, 1)


def test_pods_come_one_after_the_other() -> None:
    assert steps(plan(view(web()))) == (["web-0"], [])
    assert steps(plan(view(web(), pod(0, state="starting")))) == ([], [])
    assert steps(plan(view(web(), pod(0)))) == (["web-1"], [])
    assert steps(plan(view(web(), pod(0), pod(2)))) == (["web-1"], []), "a gap is filled"
    assert steps(plan(view(web(), pod(0, state="leaving")))) == ([], []), "its name is still taken"
    assert steps(plan(view(web(), pod(0), pod(1), pod(2)))) == ([], [])
    assert steps(plan(view(web(ordinals={"start": 5}), pod(5)))) == (["web-6"], [])


def test_pods_come_at_once() -> None:
    parallel = web(podManagementPolicy="Parallel")
    assert steps(plan(view(parallel, pod(1, state="starting")))) == (["web-0", "web-2"], [])
    assert steps(plan(view(parallel, pod(3), pod(4, state="starting"), pod(0, state="leaving")))) == (
        ["web-1", "web-2"],
        ["web-4", "web-3"],
    )
    many = plan(view(web(2**31 - 1, podManagementPolicy="Parallel")))
    assert len(many.create) == 500, "the rest later"
    assert len(plan(view(web(2**31 - 1))).create) == 1


def test_what_has_ended_comes_again() -> None:
    for policy in ("OrderedReady", "Parallel"):
        made = web(2, podManagementPolicy=policy)
        assert steps(plan(view(made, pod(0), pod(1, state="finished")))) == ([], ["web-1"])


def test_pods_go_from_the_highest_down() -> None:
    assert steps(plan(view(web(1), pod(0), pod(1), pod(2)))) == ([], ["web-2"])
    assert steps(plan(view(web(1), pod(0), pod(1), pod(2, state="leaving")))) == ([], [])
    assert steps(plan(view(web(1), pod(0, state="starting"), pod(1), pod(2)))) == ([], []), "one that stays is broken"
    assert steps(plan(view(web(1), pod(0), pod(1, state="starting"), pod(2)))) == ([], ["web-2"])
    assert steps(plan(view(web(1), pod(0), pod(1, state="starting"), pod(2, state="starting")))) == ([], [])
    assert steps(plan(view(web(1), pod(0), pod(1), pod(2, state="starting")))) == ([], ["web-2"]), "only that is broken"
    assert steps(plan(view(web(2, ordinals={"start": 1}), pod(0), pod(1), pod(2)))) == ([], ["web-0"])


def test_a_set_that_is_deleted_leaves_its_pods_alone() -> None:
    deleted = web()
    deleted["metadata"]["deletionTimestamp"] = format_time(EPOCH)
    seen = view(deleted, pod(0, OLD), pod(5))
    assert steps(plan(seen)) == ([], []) and updates(seen) == []


def rolling(**parameters: Any) -> Object:
    return {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1, **parameters}}


def test_an_update_goes_from_the_highest_down() -> None:
    assert updates(view(web(), pod(0, OLD), pod(1, OLD), pod(2, OLD))) == ["web-2"]
    assert updates(view(web(), pod(0, OLD), pod(1, OLD))) == [], "scaling comes first"
    assert updates(view(web(), pod(0, OLD), pod(1, OLD), pod(2))) == ["web-1"]
    two = web(updateStrategy=rolling(maxUnavailable=2))
    assert updates(view(two, pod(0, OLD), pod(1, OLD), pod(2, OLD))) == ["web-2", "web-1"]
    half = web(4, updateStrategy=rolling(maxUnavailable="74%"))
    assert updates(view(half, *(pod(n, OLD) for n in range(4)))) == ["web-3", "web-2"]
    canary = web(updateStrategy=rolling(partition=2))
    assert updates(view(canary, pod(0, OLD), pod(1, OLD), pod(2, OLD))) == ["web-2"]
    assert updates(view(canary, pod(0, OLD), pod(1, OLD), pod(2))) == []
    shifted = web(2, ordinals={"start": 4}, updateStrategy=rolling(partition=1))
    assert updates(view(shifted, pod(4, OLD), pod(5, OLD))) == ["web-5"]
    assert updates(view(web(updateStrategy={"type": "OnDelete"}), pod(0, OLD), pod(1, OLD), pod(2, OLD))) == []


def test_in_parallel_what_is_broken_goes_first() -> None:
    made = web(4, podManagementPolicy="Parallel")
    broken = pod(0, OLD, "starting"), pod(1, OLD), pod(2, OLD, "starting"), pod(3, OLD)
    assert updates(view(made, *broken)) == ["web-2", "web-0"]
    assert updates(view(made, pod(0), pod(1, OLD), pod(2, OLD), pod(3, OLD))) == ["web-3"]
    assert updates(view(made, pod(0), pod(1, OLD), pod(2, OLD), pod(3, state="starting"))) == []


def test_below_the_partition_pods_come_by_the_old_template() -> None:
    canary = web(updateStrategy=rolling(partition=1))
    assert labels_of(plan(view(canary)).create[0])["controller-revision-hash"] == OLD
    assert labels_of(plan(view(canary, pod(0))).create[0])["controller-revision-hash"] == NEW
    bare = web(updateStrategy={"type": "RollingUpdate"})
    bare["status"] = {"currentReplicas": 1}
    assert labels_of(plan(view(bare)).create[0])["controller-revision-hash"] == OLD
    assert labels_of(plan(view(bare, pod(0))).create[0])["controller-revision-hash"] == NEW


def test_status() -> None:
    seen = view(web(), pod(0, OLD), pod(1, OLD, "leaving"), pod(2, state="starting"))
    assert status_of(seen, Plan()) == {
        "replicas": 3,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "currentReplicas": 1,
        "updatedReplicas": 1,
        "currentRevision": OLD,
        "updateRevision": NEW,
        "collisionCount": 0,
        "observedGeneration": 1,
    }
    done = status_of(view(web(1), pod(0)), Plan())
    assert (done["currentRevision"], done["currentReplicas"]) == (NEW, 1)
    leaving = pod(0, OLD)
    assert "currentReplicas" not in status_of(view(web(2), leaving), Plan(outdated=[leaving]))


def test_a_pod_becomes_available_by_time() -> None:
    seen = view(web(1, minReadySeconds=3700), pod(0))
    assert next_look(seen).requeue_after == 100
    assert steps(plan(view(web(2, minReadySeconds=3700), pod(0)))) == ([], [])
    assert status_of(seen, Plan())["availableReplicas"] == 0


def retention(scaled: str, deleted: str) -> Object:
    return web(claims=1, persistentVolumeClaimRetentionPolicy={"whenScaled": scaled, "whenDeleted": deleted})


def claim(*owners: Object) -> Object:
    return {"metadata": {"name": "data-web-0", "ownerReferences": [controller_ref(owner) for owner in owners]}}


def owners_after(made: Object, before: Object, scaled_away: bool) -> list[str] | None:
    changed = kept(made, pod(0), before, scaled_away)
    return None if changed is None else [ref["uid"] for ref in changed["metadata"]["ownerReferences"]]


@pytest.mark.parametrize(
    ("scaled", "deleted", "while_wanted", "scaled_away"),
    [
        ("Retain", "Retain", [], []),
        ("Retain", "Delete", ["set"], ["set"]),
        ("Delete", "Retain", [], ["p0"]),
        ("Delete", "Delete", ["set"], ["p0"]),
    ],
)
def test_whom_a_claim_goes_with(scaled: str, deleted: str, while_wanted: list[str], scaled_away: list[str]) -> None:
    made = retention(scaled, deleted)
    everybody = claim(made, pod(0))
    for away, wanted in ((False, while_wanted), (True, scaled_away)):
        assert owners_after(made, everybody, away) == wanted
        assert owners_after(made, claim(*(made if uid == "set" else pod(0) for uid in wanted)), away) is None


def test_claims_that_are_not_ours_to_change() -> None:
    made, other = retention("Delete", "Delete"), pod(7)
    assert owners_after(made, claim(pod(0, uid="earlier")), scaled_away=False) is None
    assert is_stale(made, "web-0", claim(pod(0, uid="earlier")))
    assert not is_stale(web(claims=1), "web-0", claim(pod(0, uid="earlier")))
    assert owners_after(made, claim(other), scaled_away=False) is None
    assert owners_after(made, claim(other, made), scaled_away=False) == ["p7"]
    stale = {"data-web-0": claim(pod(0, uid="earlier"))}
    assert steps(plan(view(made, claim=stale.get))) == ([], []), "until it has gone with the earlier pod"


def test_claims_bear_the_set_s_labels() -> None:
    made = claims_for(web(claims=1), 4)[0]
    assert made["metadata"] == {"name": "data-web-4", "namespace": NS, "labels": {"app": "web"}}


@given(
    st.integers(0, 4),
    st.sampled_from(["OrderedReady", "Parallel"]),
    st.dictionaries(st.integers(0, 6), st.sampled_from(["ready", "starting", "pending", "leaving", "finished"])),
    st.integers(1, 3),
)
def test_it_always_comes_to_an_end(replicas: int, policy: str, states: dict[int, str], unavailable: int) -> None:
    """Whatever there is, steps lead to the wanted pods of the new template, and ordered ones are one at a time."""
    made = web(replicas, podManagementPolicy=policy, updateStrategy=rolling(maxUnavailable=unavailable))
    pods = {n: pod(n, OLD if n % 2 else NEW, state) for n, state in states.items()}
    for _ in range(60):
        seen = view(made, *pods.values())
        decided = plan(seen)
        leaving = decided.delete + ([] if decided.is_held else outdated(seen))
        if policy == "OrderedReady":
            assert len(decided.create) + len(decided.delete) <= 1
            assert len(leaving) <= max(unavailable, 1)
        for n in [n for n, one in pods.items() if "deletionTimestamp" in one["metadata"]]:
            del pods[n]
        for one in leaving:
            pods[ordinal_of(made, one) or 0] = pod(ordinal_of(made, one) or 0, OLD, "leaving")
        for n, one in pods.items():
            if one["status"]["phase"] != "Failed" and "deletionTimestamp" not in one["metadata"]:
                pods[n] = pod(n, labels_of(one)["controller-revision-hash"])
        for one in decided.create:
            pods[ordinal_of(made, one) or 0] = pod(ordinal_of(made, one) or 0, NEW, "pending")
    assert sorted(pods) == list(range(replicas))
    assert all(labels_of(one)["controller-revision-hash"] == NEW for one in pods.values())


def body(made: Object) -> Object:
    return {"metadata": {"name": "web"}, "spec": made["spec"]}


def is_steady(replicas: int) -> Callable[[Object], bool]:
    def holds(found: Object) -> bool:
        status = found.get("status") or {}
        done = status.get("currentRevision") == status.get("updateRevision") is not None
        return done and status.get("readyReplicas", 0) == status["replicas"] == replicas

    return holds


async def test_up_down_and_a_new_template(cluster: Cluster) -> None:
    await cluster.create(STATEFUL_SET, body(web(3, claims=1)))
    await cluster.one(STATEFUL_SET, "web", is_steady(3))
    pods = await cluster.pods(lambda pods: len(pods) == 3)
    created = [(int(one["metadata"]["resourceVersion"]), one["metadata"]["name"]) for one in pods]
    assert [name for _, name in sorted(created)] == ["web-0", "web-1", "web-2"]
    assert sorted(names(await cluster.until(CLAIM, lambda claims: len(claims) == 3))) == [
        "data-web-0",
        "data-web-1",
        "data-web-2",
    ]
    await cluster.patch(STATEFUL_SET, "web", {"spec": {"replicas": 1}})
    await cluster.one(STATEFUL_SET, "web", is_steady(1))
    assert len(await cluster.until(CLAIM, lambda claims: True)) == 3, "claims stay"
    before = (await cluster.pods(lambda pods: len(pods) == 1))[0]["metadata"]["uid"]
    template = web(image="web:2")["spec"]["template"]
    updated = await cluster.patch(STATEFUL_SET, "web", {"spec": {"replicas": 2, "template": template}})
    generation = updated["metadata"]["generation"]
    await cluster.one(
        STATEFUL_SET, "web", lambda found: is_steady(2)(found) and found["status"]["observedGeneration"] == generation
    )
    pods = await cluster.pods(lambda pods: len(pods) == 2)
    assert {one["spec"]["containers"][0]["image"] for one in pods} == {"web:2"}
    assert before not in {one["metadata"]["uid"] for one in pods}
    history = await cluster.until(CONTROLLER_REVISION, lambda found: len(found) == 2)
    for revision in history:
        text = orjson.dumps(revision["data"])
        assert text == orjson.dumps(revision["data"], option=orjson.OPT_SORT_KEYS), "kubectl compares bytes"
    told = {(one["reason"], one["message"]) for one in await cluster.until(EVENT, lambda found: len(found) > 8)}
    assert ("SuccessfulCreate", "Create Pod web-0 in StatefulSet web successful") in told
    assert ("SuccessfulCreate", "Create Claim data-web-0 Pod web-0 in StatefulSet web success") in told
    assert ("SuccessfulDelete", "Delete Pod web-2 in StatefulSet web successful") in told


async def test_claims_that_go(cluster: Cluster) -> None:
    made = web(2, claims=1, persistentVolumeClaimRetentionPolicy={"whenScaled": "Delete", "whenDeleted": "Delete"})
    await cluster.create(STATEFUL_SET, body(made))
    await cluster.one(STATEFUL_SET, "web", is_steady(2))
    await cluster.until(CLAIM, lambda found: len([one for one in found if one["metadata"].get("ownerReferences")]) == 2)
    await cluster.patch(STATEFUL_SET, "web", {"spec": {"replicas": 1}})
    await cluster.gone(CLAIM, "data-web-1")
    await cluster.client.delete(STATEFUL_SET, "web", NS, propagation="Background")
    await cluster.gone(CLAIM, "data-web-0")
    await cluster.pods(lambda pods: not pods)


async def test_a_lost_label_comes_back_and_an_orphan_is_adopted(cluster: Cluster) -> None:
    await cluster.create(STATEFUL_SET, body(web(1)))
    await cluster.one(STATEFUL_SET, "web", is_steady(1))
    label = "statefulset.kubernetes.io/pod-name"
    await cluster.patch(POD, "web-0", {"metadata": {"labels": {label: None}}})
    await cluster.one(POD, "web-0", lambda found: labels_of(found).get(label) == "web-0")
    await cluster.client.delete(STATEFUL_SET, "web", NS, propagation="Orphan")
    await cluster.gone(STATEFUL_SET, "web")
    orphan = await cluster.one(POD, "web-0", lambda found: not found["metadata"].get("ownerReferences"))
    again = await cluster.create(STATEFUL_SET, body(web(1)))
    adopted = await cluster.one(POD, "web-0", lambda found: bool(found["metadata"].get("ownerReferences")))
    assert adopted["metadata"]["uid"] == orphan["metadata"]["uid"]
    assert adopted["metadata"]["ownerReferences"][0]["uid"] == again["metadata"]["uid"]
    assert key_of(adopted) == Key(NS, "web-0")
