"""Volumes that bring certificates."""

from typing import Any

import pytest

from tests.kinds.write import create_errors, pod

AT = "spec.volumes[0].projected.sources[0]"


def errors(*sources: Any) -> list[str]:
    return create_errors(pod(volumes=[{"name": "v", "projected": {"sources": list(sources)}}]))


def bundle(**fields: Any) -> Any:
    return {"clusterTrustBundle": {"path": "ca.pem", **fields}}


def own(**fields: Any) -> Any:
    return {"podCertificate": {"signerName": "a.com/s", "keyType": "ED25519", "keyPath": "key", **fields}}


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        (bundle(name="b"), []),
        (bundle(name="a.com:s:b"), []),
        (bundle(signerName="a.com/s"), []),
        (bundle(signerName="a.com/s", labelSelector={"matchLabels": {"a": "b"}}, optional=True), []),
        (bundle(), [f"{AT}.clusterTrustBundle: Required value: either name or signerName must be specified"]),
        (bundle(name="b", path=""), [f"{AT}.clusterTrustBundle.path: Required value"]),
        (
            bundle(name="b", path="../x"),
            [f"{AT}.clusterTrustBundle.path: Invalid value: \"../x\": must not contain '..'"],
        ),
        (
            bundle(name="b", labelSelector={}),
            [
                f"{AT}.clusterTrustBundle.labelSelector: Invalid value: {{}}: "
                "labelSelector must be unset if name is specified"
            ],
        ),
        (
            bundle(signerName="s"),
            [
                f'{AT}.clusterTrustBundle.signerName: Invalid value: "s": '
                "must be a fully qualified domain and path of the form 'example.com/signer-name'"
            ],
        ),
        (own(), []),
        (own(maxExpirationSeconds=3600, userAnnotations={"a.com/k": "v"}, credentialBundlePath="all"), []),
        (
            own(maxExpirationSeconds=3599),
            [
                f"{AT}.podCertificate.maxExpirationSeconds: Invalid value: 3599: "
                "if provided, maxExpirationSeconds must be >= 3600"
            ],
        ),
        (
            own(maxExpirationSeconds=91 * 86400 + 1),
            [
                f"{AT}.podCertificate.maxExpirationSeconds: Invalid value: 7862401: "
                "if provided, maxExpirationSeconds must be <= 7862400"
            ],
        ),
        (
            own(signerName="kubernetes.io/s", maxExpirationSeconds=86401),
            [
                f"{AT}.podCertificate.maxExpirationSeconds: Invalid value: 86401: "
                "if provided, maxExpirationSeconds must be <= 86400"
            ],
        ),
        (
            own(keyType="DSA"),
            [
                f'{AT}.podCertificate.keyType: Unsupported value: "DSA": supported values: '
                '"RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"'
            ],
        ),
        (
            own(keyPath=""),
            [
                f"{AT}.podCertificate: Required value: "
                "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
            ],
        ),
        (
            own(certificateChainPath="key"),
            ['spec.volumes[0].projected: Invalid value: "key": conflicting duplicate paths'],
        ),
    ],
)
def test_sources(source: Any, wrong: list[str]) -> None:
    assert errors(source) == wrong


def test_a_bundle_is_named_or_selected() -> None:
    (wrong,) = errors(bundle(name="b", signerName="a.com/s"))
    assert wrong.endswith("only one of name and signerName may be used")


def test_names_of_bundles() -> None:
    (wrong,) = errors(bundle(name="a.com:s:B"))
    assert wrong.startswith(
        f'{AT}.clusterTrustBundle.name: Invalid value: "a.com:s:B": not a valid clustertrustbundlename: '
    )


def test_two_sources_do_not_share_a_file() -> None:
    wrong = errors(own(keyPath="x"), bundle(name="b", path="x"))
    assert wrong == ['spec.volumes[0].projected: Invalid value: "x": conflicting duplicate paths']
