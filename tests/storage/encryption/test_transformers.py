"""Stored bytes: upstream's can be read, ours say who wrote them, and what can't be read says why."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.storage.encryption.aes import CBC, GCM, ExtendedNonceGCM
from sampan.storage.encryption.secretbox import Secretbox
from sampan.storage.encryption.transformer import Transformer, TransformFailed
from tests.storage.encryption.configurations import IDENTITY_PROVIDER, key, local, table

KEY = b"0123456789abcdef0123456789abcdef"
PLACE = b"/core/secrets/default/web"
MADE: dict[str, type] = {"aesgcm": GCM, "aescbc": CBC, "extended": ExtendedNonceGCM, "secretbox": Secretbox}
VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())  # written by upstream's transformers
SECRETS = "/core/secrets/default/web"


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in VECTORS for value in VECTORS[kind]])
def test_what_upstream_has_written_is_read(kind: str, value: str) -> None:
    stored = base64.b64decode(VECTORS[kind][value])
    assert MADE[kind](KEY).from_storage(stored, PLACE).value == value.encode()


@given(kind=st.sampled_from(sorted(MADE)), value=st.binary(max_size=200), place=st.binary(max_size=40))
def test_a_value_comes_back_and_no_two_are_stored_alike(kind: str, value: bytes, place: bytes) -> None:
    transformer: Transformer = MADE[kind](KEY)
    first, second = transformer.to_storage(value, place), transformer.to_storage(value, place)
    assert first.value != second.value and value not in (first.value, second.value)
    assert transformer.from_storage(first.value, place) == (value, first.writer)
    assert first.writer == second.writer == transformer.writer()


@pytest.mark.parametrize("kind", ["aesgcm", "extended"])
def test_a_value_is_bound_to_its_place(kind: str) -> None:
    transformer: Transformer = MADE[kind](KEY)
    stored = transformer.to_storage(b"value", PLACE).value
    with pytest.raises(TransformFailed, match="cipher: message authentication failed"):
        transformer.from_storage(stored, b"/core/secrets/default/other")


@pytest.mark.parametrize(
    ("kind", "stored", "why"),
    [
        ("aesgcm", b"short", "the stored data was shorter than the required size"),
        ("aesgcm", b"x" * 40, "cipher: message authentication failed"),
        ("aescbc", b"short", "the stored data was shorter than the required size"),
        ("aescbc", b"x" * 33, "the stored data is not a multiple of the block size"),
        ("aescbc", b"x" * 16, r"invalid PKCS7 data \(empty or not padded\)"),
        ("extended", b"short", "the stored data was shorter than the required size"),
        ("secretbox", b"short", "the stored data was shorter than the required size"),
        ("secretbox", b"x" * 60, "output array was not large enough for encryption"),
    ],
)
def test_what_is_damaged_is_told_in_upstreams_words(kind: str, stored: bytes, why: str) -> None:
    with pytest.raises(TransformFailed, match=why):
        MADE[kind](KEY).from_storage(stored, PLACE)


@pytest.mark.parametrize("kind", ["aesgcm", "aescbc", "secretbox"])
def test_the_first_provider_writes_with_its_first_key_and_all_read(kind: str) -> None:
    old = table((["secrets"], [local(kind, key("old", "o"))])).of(SECRETS)
    stored, writer = old.to_storage(b"{}", PLACE)
    assert stored.startswith(f"k8s:enc:{kind}:v1:old:".encode())
    new = table((["secrets"], [local(kind, key("new", "n"), key("old", "o")), IDENTITY_PROVIDER])).of(SECRETS)
    assert new.from_storage(stored, PLACE) == (b"{}", writer)
    assert new.from_storage(b"{}", PLACE) == (b"{}", "")
    assert new.writer() not in (writer, "")
    assert new.to_storage(b"{}", PLACE).value.startswith(f"k8s:enc:{kind}:v1:new:".encode())


def test_two_keys_may_share_a_name_and_are_told_apart() -> None:
    old = table((["secrets"], [local("aescbc", key("key1", "o"))])).of(SECRETS)
    stored, writer = old.to_storage(b"{}", PLACE)
    providers = [local("aescbc", key("key1", "n")), local("aescbc", key("key1", "o"))]
    both = table((["secrets"], providers)).of(SECRETS)
    value, found = both.from_storage(stored, PLACE)
    assert (value, found) == (b"{}", writer) and both.writer() != writer


@pytest.mark.parametrize(
    ("providers", "stored", "why"),
    [
        ([local("aesgcm")], b"{}", "no matching prefix found"),
        ([local("aesgcm")], b"k8s:enc:aescbc:v1:key1:x", "no matching prefix found"),
        ([local("aesgcm")], b"k8s:enc:aesgcm:v1:key2:x", "no matching key was found for the provided AES transformer"),
        ([local("secretbox")], b"k8s:enc:secretbox:v1:x:", "no matching key was found for the provided Secretbox"),
        ([IDENTITY_PROVIDER], b"k8s:enc:aesgcm:v1:key1:x", "no matching prefix found"),
        ([IDENTITY_PROVIDER, local("aesgcm")], b"k8s:enc:aesgcm:v1:key1:x", "shorter than the required size"),
    ],
)
def test_what_no_provider_reads(providers: list, stored: bytes, why: str) -> None:
    with pytest.raises(TransformFailed, match=why):
        table((["secrets"], providers)).of(SECRETS).from_storage(stored, PLACE)


def test_without_a_configuration_what_is_encrypted_is_refused() -> None:
    with pytest.raises(TransformFailed, match="identity transformer tried to read encrypted data"):
        table().of(SECRETS).from_storage(b"k8s:enc:aesgcm:v1:key1:x", PLACE)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("/core/secrets/default/web", "secrets"),
        ("/core/configmaps/default/web", "core"),
        ("/apps/deployments/default/web", "apps"),
        ("/apps/daemonsets/default/web", "daemonsets"),
        ("/example.com/widgets/default/web", "any"),
        ("/core/events/default/web", ""),
    ],
)
def test_the_narrowest_list_that_names_a_resource_is_its_own(place: str, name: str) -> None:
    lists: list[tuple[list[str], list[dict[str, object]]]] = [
        (["secrets"], [local("aesgcm", key("secrets"))]),
        (["daemonsets.apps"], [local("aesgcm", key("daemonsets"))]),
        (["*.apps"], [local("aesgcm", key("apps"))]),
        (["events"], [IDENTITY_PROVIDER]),
        (["*."], [local("aesgcm", key("core"))]),
        (["*.*"], [local("aesgcm", key("any"))]),
    ]
    stored = table(*lists).of(place).to_storage(b"{}", b"").value
    assert stored.startswith(f"k8s:enc:aesgcm:v1:{name}:".encode()) if name else stored == b"{}"
