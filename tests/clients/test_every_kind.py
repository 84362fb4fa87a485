"""Every release of kubectl does all that it can with an object of every kind that discovery shows."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.harness import API
from tests.clients.objects import kept, objects
from tests.clients.rig import Command

ENVIRONMENT = {"PATH": os.defpath, "TERM": "dumb"}  # for diff and the editor

# What finalizers hold whose controllers do not run here.
HELD = {"namespace/sample", "persistentvolume/sample", "persistentvolumeclaim/sample"}
HELD |= {"volumeattributesclass.storage.k8s.io/sample"}


def test_there_is_an_object_of_every_kind() -> None:
    assert sorted(obj["kind"] for obj in objects()) == sorted(kind.name for kind in kept())


@pytest.fixture
async def minor(patient_kubectl: Command) -> int:
    """The minor version of the kubectl that is tested."""
    said = json.loads(await patient_kubectl("version --client -o json"))
    return int(re.sub(r"\D", "", said["clientVersion"]["minor"] or said["clientVersion"]["gitVersion"].split(".")[1]))


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """A file of all objects."""
    path = tmp_path / "everything.yaml"
    path.write_text(yaml.safe_dump_all(objects()))
    return path


def names(said: str) -> set[str]:
    """What `-o name` lists."""
    return set(said.split())


async def test_kubectl_on_every_kind(patient_kubectl: Command, minor: int, everything: Path, tmp_path: Path) -> None:
    kubectl, file = patient_kubectl.using(patient_kubectl.binary, **ENVIRONMENT), everything
    made = names(await kubectl(f"create --save-config -f {file} -o name"))
    assert len(made) == len(objects())
    assert names(await kubectl(f"get -f {file} -o name")) == made
    assert len((await kubectl(f"get -f {file}")).splitlines()) > len(made)
    before = await versions(kubectl, file)
    assert (await kubectl(f"apply -f {file}")).count("\n") == len(made)
    assert await versions(kubectl, file) == before
    await kubectl(f"diff -f {file}")
    if minor >= 18:
        said = await kubectl(f"apply --server-side -f {file}")
        assert said.count("serverside-applied") == len(made)
        assert (await kubectl(f"apply -f {file}")).count("\n") == len(made)
    patched = await kubectl("patch -f " + str(file) + ' -p {"metadata":{"labels":{"changed":"by-patch"}}} --type=merge')
    assert patched.count(" patched\n") == len(made)
    assert names(await kubectl(f"label -f {file} seen=once -o name")) == made
    assert await labels(kubectl, file) == [{"changed": "by-patch", "seen": "once"}] * len(made)
    await edited(kubectl, file, tmp_path, made)
    live = (await kubectl(f"get -f {file} -o yaml")).replace("seen: twice", "seen: thrice")
    assert (await kubectl("replace -f -", live)).count(" replaced\n") == len(made)
    assert {found["seen"] for found in await labels(kubectl, file)} == {"thrice"}
    if minor >= 19:  # older ones know v1beta1 alone, and approve only what a file names so
        assert "approved" in await kubectl("certificate approve sample")
        await kubectl("wait --for=condition=Approved certificatesigningrequest/sample --timeout=20s")
    assert (await kubectl(f"delete -f {file} --wait=false")).count(" deleted") == len(made)
    left = names(await kubectl(f"get -f {file} -o name --ignore-not-found"))
    assert left == HELD
    said = await kubectl("wait --for=delete persistentvolumeclaim/sample --timeout=1s", fails=True)
    assert "timed out waiting for the condition on persistentvolumeclaims/sample" in said


async def versions(kubectl: Command, file: Path) -> list[str]:
    """The resourceVersion of every object."""
    return (await kubectl(f"get -f {file} -o jsonpath={{.items[*].metadata.resourceVersion}}")).split()


async def labels(kubectl: Command, file: Path) -> list[dict[str, str]]:
    """The labels of the objects that are ours."""
    items: list[dict[str, Any]] = json.loads(await kubectl(f"get -f {file} -o json"))["items"]
    return [
        {name: value for name, value in item["metadata"]["labels"].items() if name in ("changed", "seen")}
        for item in items
    ]


async def edited(kubectl: Command, file: Path, folder: Path, made: set[str]) -> None:
    """Edit all objects in one go."""
    editor = folder / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/seen: once/seen: twice/" "$1"\n')
    editor.chmod(0o755)
    editing = kubectl.using(kubectl.binary, EDITOR=str(editor))
    assert (await editing(f"edit -f {file}")).count(" edited") == len(made)
    assert {found["seen"] for found in await labels(kubectl, file)} == {"twice"}


async def test_kubectl_explains_every_kind(patient_kubectl: Command, tls: API) -> None:
    for kind in kept():
        version = kind.versions[0]
        said = await patient_kubectl(f"explain {kind.plural} --api-version={version.api_version}")
        assert re.search(rf"KIND: +{kind.name}\b", said)
        assert "DESCRIPTION:" in said


async def test_kubectl_knows_what_is_allowed(patient_kubectl: Command) -> None:
    for kind in kept():
        where = f"{kind.plural}.{kind.versions[0].group}".rstrip(".")
        assert (await patient_kubectl(f"auth can-i delete {where}")).strip() == "yes"
        status, said, _ = await patient_kubectl.run(*f"auth can-i delete {where} --as=nobody".split())
        assert (status, said.strip().split(" ")[0]) == (1, "no")
