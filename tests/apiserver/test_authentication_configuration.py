"""What an AuthenticationConfiguration and the flags may say, in upstream's words."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sampan.apiserver.authentication.jwt.config_file import parse
from sampan.apiserver.authentication.jwt.validation import validate
from sampan.apiserver.authentication.options import AuthenticationOptions, load
from sampan.apiserver.flag_values import OptionsError
from sampan.machinery.component_config import Malformed
from sampan.machinery.names import dns_subdomain
from tests.apiserver.harness import API, running
from tests.apiserver.pki import authority

ISSUER = {"url": "https://idp", "audiences": ["me"]}
SUB = {"username": {"claim": "sub", "prefix": ""}}
GOOD = {"issuer": ISSUER, "claimMappings": SUB}


def text(*authenticators: Any, **fields: Any) -> bytes:
    """A configuration."""
    head = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}
    return yaml.safe_dump({**head, "jwt": list(authenticators), **fields}).encode()


def errors(*authenticators: Any, **fields: Any) -> list[str]:
    """All that is wrong with one."""
    return [str(error) for error in validate(parse(text(*authenticators, **fields)), ("https://own",))[1]]


def of_issuer(**changes: Any) -> Any:
    """An authenticator with another issuer."""
    return {**GOOD, "issuer": ISSUER | changes}


def of_mappings(**changes: Any) -> Any:
    """An authenticator with other mappings."""
    return {**GOOD, "claimMappings": SUB | changes}


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", "empty config data"),
        (b"a: b\n", "Object 'Kind' is missing in '{a}'"),
        (b"kind: X\n", "Object 'apiVersion' is missing in '{kind}'"),
        (
            b"kind: AuthenticationConfiguration\napiVersion: apiserver.config.k8s.io/v2\n",
            'no kind "AuthenticationConfiguration" is registered for version "apiserver.config.k8s.io/v2" in scheme',
        ),
        (text(GOOD, x=1), 'strict decoding error: unknown field "x"'),
        (text(GOOD | {"z": 1}), 'strict decoding error: unknown field "jwt[0].z"'),
        (
            text(of_issuer(audiences="me")),
            "json: cannot unmarshal string into Go struct field jwt[0].issuer.audiences of slice",
        ),
    ],
)
def test_what_is_no_configuration(raw: bytes, error: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(raw)
    assert str(caught.value) == error


def test_what_is_fine() -> None:
    assert errors() == []
    assert errors(GOOD, of_issuer(url="https://other", discoveryURL="https://elsewhere/x")) == []
    assert errors(of_issuer(certificateAuthority=authority().certificate.decode())) == []
    assert errors(of_issuer(audienceMatchPolicy="MatchAny", egressSelectorType="cluster")) == []
    verified = {"username": {"expression": "claims.email"}}
    assert (
        errors(
            {
                **GOOD,
                "claimMappings": verified,
                "claimValidationRules": [{"expression": "claims.email_verified == true"}],
            }
        )
        == []
    )
    assert (
        errors(
            {
                **GOOD,
                "claimMappings": {
                    "username": {
                        "expression": "claims.?email_verified.orValue(true) == true ? claims.email : claims.sub"
                    }
                },
            }
        )
        == []
    )


MANY = "jwt: Too many: 65: must have at most 64 items"
DIFFERENT = "discoveryURL must be different from URL"
EMAIL = (
    "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression "
    "or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression"
)
SUBDOMAIN = dns_subdomain("Example.com")[0]
RESERVED = "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"


@pytest.mark.parametrize(
    ("authenticators", "expected"),
    [
        ([GOOD] * 65, [MANY]),
        ([GOOD, GOOD], ['jwt[1].issuer.url: Duplicate value: "https://idp"']),
        ([of_issuer(url="")], ["jwt[0].issuer.url: Required value"]),
        (
            [of_issuer(url="https://own")],
            [
                'jwt[0].issuer.url: Invalid value: "https://own": URL must not overlap with disallowed issuers: '
                "[https://own]"
            ],
        ),
        (
            [of_issuer(url="http://a:b@idp?x#y")],
            [
                f'jwt[0].issuer.url: Invalid value: "http://a:b@idp?x#y": URL {what}'
                for what in (
                    "scheme must be https",
                    "must not contain a username or password",
                    "must not contain a query",
                    "must not contain a fragment",
                )
            ],
        ),
        (
            [of_issuer(discoveryURL="https://idp/")],
            [f'jwt[0].issuer.discoveryURL: Invalid value: "https://idp/": {DIFFERENT}'],
        ),
        (
            [of_issuer(discoveryURL="https://d"), of_issuer(url="https://b", discoveryURL="https://d")],
            ['jwt[1].issuer.discoveryURL: Duplicate value: "https://d"'],
        ),
        (
            [of_issuer(audiences=[])],
            ["jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required"],
        ),
        (
            [of_issuer(audiences=["a", "", "a"])],
            [
                "jwt[0].issuer.audiences[1]: Required value",
                'jwt[0].issuer.audiences[2]: Duplicate value: "a"',
                'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for '
                "multiple audiences",
            ],
        ),
        (
            [of_issuer(audienceMatchPolicy="All")],
            [
                'jwt[0].issuer.audienceMatchPolicy: Invalid value: "All": audienceMatchPolicy must be empty or '
                "MatchAny for single audience"
            ],
        ),
        (
            [of_issuer(certificateAuthority="x")],
            [
                'jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": data does not contain any valid RSA '
                "or ECDSA certificates"
            ],
        ),
        (
            [of_issuer(egressSelectorType="x")],
            [
                'jwt[0].issuer.egressSelectorType: Invalid value: "x": egress selector must be either controlplane or '
                "cluster"
            ],
        ),
        (
            [of_mappings(username={})],
            ["jwt[0].claimMappings.username: Required value: claim or expression is required"],
        ),
        (
            [of_mappings(username={"claim": "a", "expression": "claims.a"})],
            ['jwt[0].claimMappings.username: Invalid value: "": claim and expression can\'t both be set'],
        ),
        (
            [of_mappings(username={"claim": "a"})],
            [
                "jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be "
                "set to an empty string to disable prefixing"
            ],
        ),
        (
            [of_mappings(groups={"expression": "claims.g", "prefix": "x"})],
            [
                'jwt[0].claimMappings.groups.prefix: Invalid value: "x": may not be specified when expression is set',
            ],
        ),
        (
            [of_mappings(uid={"claim": "a", "expression": "claims.a"})],
            ['jwt[0].claimMappings.uid: Invalid value: "": claim and expression can\'t both be set'],
        ),
        (
            [of_mappings(username={"expression": "claims.email"})],
            [f'jwt[0].claimMappings.username.expression: Invalid value: "claims.email": {EMAIL}'],
        ),
        (
            [of_mappings(username={"expression": "claims.?email.orValue('x')"})],
            [f"jwt[0].claimMappings.username.expression: Invalid value: \"claims.?email.orValue('x')\": {EMAIL}"],
        ),
        (
            [
                of_mappings(
                    extra=[
                        {"key": "foo", "valueExpression": "claims.a"},
                        {"key": "Example.com/Foo", "valueExpression": "''"},
                        {"key": "x.k8s.io/a", "valueExpression": ""},
                        {"key": "example.com/a b", "valueExpression": "user.name"},
                        {"key": "foo", "valueExpression": "claims.a"},
                        {"key": "", "valueExpression": "claims.a"},
                    ]
                )
            ],
            [
                'jwt[0].claimMappings.extra[0].key: Invalid value: "foo": must be a domain-prefixed path (such as '
                '"acme.io/foo")',
                f'jwt[0].claimMappings.extra[1].key: Invalid value: "Example.com": {SUBDOMAIN}',
                'jwt[0].claimMappings.extra[1].key: Invalid value: "Example.com/Foo": must be lowercase',
                f'jwt[0].claimMappings.extra[2].key: Invalid value: "x.k8s.io/a": {RESERVED}',
                "jwt[0].claimMappings.extra[2].valueExpression: Required value",
                'jwt[0].claimMappings.extra[3].key: Invalid value: "a b": Invalid path (regex used for validation is '
                "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
                'jwt[0].claimMappings.extra[3].valueExpression: Invalid value: "user.name": compilation failed: ERROR: '
                "<input>:1:1: undeclared reference to 'user' (in container '')\n | user.name\n | ^",
                'jwt[0].claimMappings.extra[4].key: Invalid value: "foo": must be a domain-prefixed path (such as '
                '"acme.io/foo")',
                'jwt[0].claimMappings.extra[4].key: Duplicate value: "foo"',
                "jwt[0].claimMappings.extra[5].key: Required value",
            ],
        ),
        (
            [
                {
                    **GOOD,
                    "claimValidationRules": [
                        {"claim": "a", "expression": "true"},
                        {},
                        {"claim": "a", "message": "x"},
                        {"claim": "a"},
                        {"expression": "true", "requiredValue": "x"},
                        {"expression": "true"},
                        {"expression": "1 + 1"},
                        {"expression": "claims."},
                    ],
                }
            ],
            [
                'jwt[0].claimValidationRules[0]: Invalid value: "a": claim and expression can\'t both be set',
                "jwt[0].claimValidationRules[1]: Required value: claim or expression is required",
                'jwt[0].claimValidationRules[2].message: Invalid value: "x": may not be specified when claim is set',
                'jwt[0].claimValidationRules[3].claim: Duplicate value: "a"',
                'jwt[0].claimValidationRules[4].requiredValue: Invalid value: "x": may not be specified when '
                "expression is set",
                'jwt[0].claimValidationRules[5].expression: Duplicate value: "true"',
                'jwt[0].claimValidationRules[6].expression: Invalid value: "1 + 1": must evaluate to bool',
                'jwt[0].claimValidationRules[7].expression: Invalid value: "claims.": compilation failed: ERROR: '
                "<input>:1:8: Syntax error: no viable alternative at input '.'\n | claims.\n | .......^",
            ],
        ),
        (
            [
                {
                    **GOOD,
                    "userValidationRules": [
                        {},
                        {"expression": "user.x"},
                        {"expression": "true"},
                        {"expression": "true"},
                    ],
                }
            ],
            [
                "jwt[0].userValidationRules[0].expression: Required value",
                'jwt[0].userValidationRules[1].expression: Invalid value: "user.x": compilation failed: ERROR: '
                "<input>:1:5: undefined field 'x'\n | user.x\n | ....^",
                'jwt[0].userValidationRules[3].expression: Duplicate value: "true"',
            ],
        ),
    ],
)
def test_what_is_wrong(authenticators: list[Any], expected: list[str]) -> None:
    assert errors(*authenticators) == expected


def test_anonymous_conditions() -> None:
    fields = {"anonymous": {"enabled": False, "conditions": [{"path": "/livez"}]}}
    assert errors(**fields) == [
        'anonymous.conditions: Invalid value: [{"Path":"/livez"}]: enabled should be set to true when conditions are '
        "defined"
    ]


def refused(**flags: Any) -> str:
    """Why a server can't be told this."""
    with pytest.raises(OptionsError) as caught:
        load(AuthenticationOptions(**flags))
    return str(caught.value)


def test_flags(tmp_path: Path) -> None:
    together = "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"
    assert refused(oidc_issuer_url="https://idp") == together
    assert refused(oidc_groups_claim="x") == together
    both = {"oidc_issuer_url": "https://idp", "oidc_client_id": "me"}
    assert refused(**both, oidc_signing_algs=("HS256",)) == 'oidc: unsupported signing alg: "HS256"'
    assert refused(**both, oidc_ca_file="/none") == "--oidc-ca-file: open /none: no such file or directory"
    assert refused(**both, oidc_required_claim=("x",)) == "oidc-required-claim: key=value is expected"
    path = tmp_path / "c"
    path.write_bytes(text(anonymous={"enabled": True}))
    named = {"authentication_config": str(path)}
    assert refused(**named, **both) == "authentication-config file and oidc-* flags are mutually exclusive"
    assert refused(**named, anonymous_auth=True).startswith("anonymous: Forbidden: --anonymous-auth flag cannot be set")
    path.write_bytes(b"{}")
    why = "Object 'Kind' is missing in '{}'"
    assert refused(**named) == f'failed to load authentication configuration from file "{path}": {why}'
    assert refused(token_auth_file="/none") == "--token-auth-file: open /none: no such file or directory"
    assert refused(service_account_max_token_expiration="x").startswith("--service-account-max-token-expiration: time:")
    tokens = tmp_path / "t"
    tokens.write_text("a,b\n")
    least = "must have at least 3 columns (token, user name, user uid), found 2"
    assert refused(token_auth_file=str(tokens)) == f"token file '{tokens}' {least}"


def test_an_egress_that_is_not_configured(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(text(of_issuer(egressSelectorType="cluster")))

    async def start() -> None:
        async with running(authentication=AuthenticationOptions(authentication_config=str(path))):
            raise AssertionError

    with pytest.raises(OptionsError, match='oidc: egress lookup required with egress selector type "cluster"'):
        start().send(None)


async def who(api: API, token: str) -> Any:
    """Whom a token makes."""
    body = {"spec": {"token": token}}
    return (await api.create("/apis/authentication.k8s.io/v1/tokenreviews", body))["status"]["user"]


async def test_a_file_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text('t1,jane,1\nt2,joe,2,"a,b"\n\n,nobody,3\n"t,3",ann,4,c\nt1,other,5\n')
    async with running(authentication=AuthenticationOptions(token_auth_file=str(path))) as api:
        assert await who(api, "t1") == {"username": "other", "uid": "5", "groups": ["system:authenticated"]}
        assert (await who(api, "t2"))["groups"] == ["a", "b", "system:authenticated"]
        assert (await who(api, "t,3"))["username"] == "ann"
        assert (await api.call("GET", "/version", user="nobody")).status == 401


async def test_no_anonymous_requests() -> None:
    async with running(authentication=AuthenticationOptions(anonymous_auth=False)) as api:
        assert (await api.call("GET", "/livez", user="")).status == 401
        assert (await api.call("GET", "/livez")).status == 200


async def test_no_bootstrap_tokens() -> None:
    async with running(authentication=AuthenticationOptions(enable_bootstrap_token_auth=False)) as api:
        data = {"token-id": "aaaaaa", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"}
        body = {
            "metadata": {"name": "bootstrap-token-aaaaaa"},
            "type": "bootstrap.kubernetes.io/token",
            "stringData": data,
        }
        await api.create("/api/v1/namespaces/kube-system/secrets", body)
        assert (await api.call("GET", "/version", user="aaaaaa.0123456789abcdef")).status == 401


async def test_service_account_flags() -> None:
    options = AuthenticationOptions(
        service_account_issuer=("https://new", "https://old"),
        api_audiences=("api",),
        service_account_jwks_uri="https://keys",
        service_account_max_token_expiration="20m",
        service_account_extend_token_expiration=False,
    )
    async with running(authentication=options) as api:
        await api.service_account()
        path = "/api/v1/namespaces/default/serviceaccounts/default/token"
        answer = await api.call("POST", path, {"spec": {"expirationSeconds": 3607}})
        assert answer.body["spec"] == {"audiences": ["api"], "expirationSeconds": 1200, "boundObjectRef": None}
        assert answer.warnings == ['299 - "requested expiration of 3607 seconds shortened to 1200 seconds"']
        assert (await api.call("GET", "/version", user=answer.body["status"]["token"])).status == 200
        document = await api.get("/.well-known/openid-configuration")
        assert (document["issuer"], document["jwks_uri"]) == ("https://new", "https://keys")
