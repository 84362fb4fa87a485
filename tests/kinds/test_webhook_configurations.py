"""ValidatingWebhookConfiguration and MutatingWebhookConfiguration."""

import pytest

from tests.kinds.write import cells, create_errors, created, encoded, served, stored, update_errors

GROUP = "admissionregistration.k8s.io"
KINDS = ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]
# As cert-manager publishes it.
RULE = {
    "apiGroups": ["cert-manager.io", "acme.cert-manager.io"],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["*/*"],
}
HOOK = {
    "name": "webhook.cert-manager.io",
    "namespaceSelector": {
        "matchExpressions": [{"key": "cert-manager.io/disable-validation", "operator": "NotIn", "values": ["true"]}]
    },
    "rules": [RULE],
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "clientConfig": {"service": {"name": "cm-cert-manager-webhook", "namespace": "cert-manager", "path": "/validate"}},
}


def configuration(kind=KINDS[0], version="v1", hooks=None, called="w", **hook):
    webhooks = [{**HOOK, **hook}] if hooks is None else hooks
    webhooks = [{field: value for field, value in each.items() if value is not None} for each in webhooks]
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": called}, "webhooks": webhooks}


def rule(**fields):
    return configuration(rules=[{**RULE, **fields}])


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_of_v1(kind):
    hook = created(configuration(kind))["webhooks"][0]
    assert (hook["failurePolicy"], hook["matchPolicy"], hook["timeoutSeconds"]) == ("Fail", "Equivalent", 10)
    assert hook["objectSelector"] == {} and hook["rules"][0]["scope"] == "*"
    assert hook["clientConfig"]["service"]["port"] == 443
    assert hook.get("reinvocationPolicy") == ("Never" if kind.startswith("Mutating") else None)


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_of_v1beta1(kind):
    manifest = configuration(kind, "v1beta1", sideEffects=None, admissionReviewVersions=None)
    assert create_errors(manifest) == []
    hook = created(manifest)["webhooks"][0]
    assert (hook["failurePolicy"], hook["matchPolicy"], hook["timeoutSeconds"]) == ("Ignore", "Exact", 30)
    assert (hook["sideEffects"], hook["admissionReviewVersions"]) == ("Unknown", ["v1beta1"])
    assert encoded(f"{GROUP}/v1beta1", stored(manifest))["apiVersion"] == f"{GROUP}/v1beta1"


@pytest.mark.parametrize("kind", KINDS)
def test_a_published_configuration(kind):
    manifest = configuration(kind)
    assert create_errors(manifest) == [] == update_errors(stored(manifest), manifest)
    assert cells(manifest)[0] == 1


W = "webhooks[0]"


@pytest.mark.parametrize(
    ("hook", "errors"),
    [
        ({"name": ""}, [f"{W}.name: Required value"]),
        (
            {"name": "a.b"},
            [f'{W}.name: Invalid value: "a.b": should be a domain with at least three segments separated by dots'],
        ),
        (
            {"failurePolicy": "Maybe"},
            [f'{W}.failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"'],
        ),
        ({"sideEffects": None}, [f"{W}.sideEffects: Required value: must specify one of None, NoneOnDryRun"]),
        (
            {"sideEffects": "Some"},
            [f'{W}.sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'],
        ),
        (
            {"timeoutSeconds": 31},
            [f"{W}.timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"],
        ),
        (
            {"admissionReviewVersions": []},
            [f"{W}.admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
        ),
        (
            {"admissionReviewVersions": ["v2", "v2"]},
            [
                f'{W}.admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
                f'{W}.admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1',
            ],
        ),
        (
            {"clientConfig": {}},
            [f"{W}.clientConfig: Required value: exactly one of url or service is required"],
        ),
        (
            {"matchConditions": [{"name": "a", "expression": " "}, {"name": "a", "expression": "true"}]},
            [
                f"{W}.matchConditions[0].expression: Required value",
                f'{W}.matchConditions[1].name: Duplicate value: "a"',
            ],
        ),
        (
            {"matchConditions": [{"name": f"a{i}", "expression": "true"} for i in range(65)]},
            [f"{W}.matchConditions: Too many: 65: must have at most 64 items"],
        ),
    ],
)
def test_webhooks(hook, errors):
    assert create_errors(configuration(**hook)) == errors


R = f"{W}.rules[0]"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"operations": []}, [f"{R}.operations: Required value"]),
        (
            {"operations": ["*", "CREATE"]},
            [f'{R}.operations: Invalid value: ["*","CREATE"]: if \'*\' is present, must not specify other operations'],
        ),
        (
            {"operations": ["PATCH"]},
            [
                f'{R}.operations[0]: Unsupported value: "PATCH": supported values: '
                '"*", "CONNECT", "CREATE", "DELETE", "UPDATE"'
            ],
        ),
        ({"apiGroups": []}, [f"{R}.apiGroups: Required value"]),
        ({"apiVersions": [""]}, [f"{R}.apiVersions[0]: Required value"]),
        (
            {"apiGroups": ["*", ""]},
            [f'{R}.apiGroups: Invalid value: ["*",""]: if \'*\' is present, must not specify other API groups'],
        ),
        ({"resources": []}, [f"{R}.resources: Required value"]),
        (
            {"resources": ["pods/*", "pods/exec"]},
            [f"{R}.resources[1]: Invalid value: \"pods/exec\": if 'pods/*' is present, must not specify pods/exec"],
        ),
        (
            {"resources": ["*/scale", "pods/scale"]},
            [f"{R}.resources[1]: Invalid value: \"pods/scale\": if '*/scale' is present, must not specify pods/scale"],
        ),
        (
            {"resources": ["*/*", "pods"]},
            [f'{R}.resources: Invalid value: ["*/*","pods"]: if \'*/*\' is present, must not specify other resources'],
        ),
        (
            {"resources": ["*", "pods"]},
            [
                f'{R}.resources: Invalid value: ["*","pods"]: '
                "if '*' is present, must not specify other resources without subresources"
            ],
        ),
        ({"resources": ["*", "pods/exec"]}, []),
        (
            {"scope": "Global"},
            [f'{R}.scope: Unsupported value: "Global": supported values: "*", "Cluster", "Namespaced"'],
        ),
    ],
)
def test_rules(fields, errors):
    assert create_errors(rule(**fields)) == errors


FORM = "; desired format: https://host[/path]"
URL = f"{W}.clientConfig.url"


@pytest.mark.parametrize(
    ("url", "errors"),
    [
        ("https://example.com:443/path", []),
        ("https://[::1]:8443/", []),
        ("http://a", [f"{URL}: Invalid value: \"http\": 'https' is the only allowed URL scheme{FORM}"]),
        ("https:///path", [f'{URL}: Invalid value: "": host must be specified{FORM}']),
        ("https://me@a/", [f'{URL}: Invalid value: "me": user information is not permitted in the URL']),
        ("https://a/#b", [f'{URL}: Invalid value: "b": fragments are not permitted in the URL']),
        ("https://a/?b=c", [f'{URL}: Invalid value: "b=c": query parameters are not permitted in the URL']),
        (
            "https://a/%zz",
            [f'{URL}: Required value: url must be a valid URL: parse "https://a/%zz": invalid URL escape "%zz"{FORM}'],
        ),
        (
            "https://a:b/",
            [
                f'{URL}: Required value: url must be a valid URL: parse "https://a:b/": '
                f'invalid port ":b" after host{FORM}'
            ],
        ),
        (
            "a:b@c",
            [
                f"{URL}: Invalid value: \"a\": 'https' is the only allowed URL scheme{FORM}",
                f'{URL}: Invalid value: "": host must be specified{FORM}',
            ],
        ),
        (":", [f'{URL}: Required value: url must be a valid URL: parse ":": missing protocol scheme{FORM}']),
    ],
)
def test_urls(url, errors):
    assert create_errors(configuration(clientConfig={"url": url})) == errors


SERVICE = f"{W}.clientConfig.service"


@pytest.mark.parametrize(
    ("service", "errors"),
    [
        ({"path": "/"}, []),
        ({"path": "/a/b/"}, []),
        ({"name": ""}, [f"{SERVICE}.namespace: Required value"]),
        (
            {"port": 0},
            [f"{SERVICE}.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive"],
        ),
        ({"path": "//"}, [f'{SERVICE}.path: Invalid value: "//": segment[0] may not be empty']),
        ({"path": "/a//b"}, [f'{SERVICE}.path: Invalid value: "/a//b": segment[1] may not be empty']),
    ],
)
def test_services(service, errors):
    config = {"service": {"name": "a", "namespace": "b", **service}}
    assert create_errors(configuration(clientConfig=config)) == errors


def test_names_of_webhooks_are_unique_in_v1():
    twice = {"hooks": [HOOK, HOOK]}
    assert create_errors(configuration(**twice)) == ['webhooks[1].name: Duplicate value: "webhook.cert-manager.io"']
    assert create_errors(configuration(version="v1beta1", **twice)) == []


def test_what_an_old_object_broke_it_may_go_on_breaking():
    loose = {"sideEffects": "Unknown", "admissionReviewVersions": ["v1beta1"]}
    old = stored(configuration(version="v1beta1", hooks=[{**HOOK, **loose}] * 2))
    assert update_errors(old, configuration(hooks=[{**HOOK, **loose, "timeoutSeconds": 5}] * 2)) == []
    assert update_errors(stored(configuration()), configuration(sideEffects="Unknown")) == [
        f'{W}.sideEffects: Unsupported value: "Unknown": supported values: "None", "NoneOnDryRun"'
    ]
    odd = {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["_"]}]}}
    assert len(create_errors(configuration(**odd))) == 1
    assert update_errors(stored(configuration(**odd)), configuration(**odd, timeoutSeconds=5)) == []


def test_names_kept_for_files_and_rules_without_effect():
    text = (
        'names ending with ".static.k8s.io" are reserved for static manifest-based configurations '
        "and cannot be managed via the API"
    )
    assert create_errors(configuration(called="a.static.k8s.io")) == [
        f'metadata.name: Invalid value: "a.static.k8s.io": {text}'
    ]
    reviews = rule(apiGroups=["authentication.k8s.io"], resources=["tokenreviews", "other"])
    assert list(served(reviews).kind.warnings(reviews)) == [
        f"{R}: tokenreviews.authentication.k8s.io is excluded from admission webhooks; this rule will have no effect"
    ]
    assert list(served(reviews).kind.warnings(rule(apiGroups=["*"], resources=["tokenreviews"]))) == []
