import pytest

from sampan.machinery import names


@pytest.mark.parametrize("good", ["a", "a-b", "a1", "1a", "a" * 63])
def test_good_labels(good):
    assert names.dns_label(good) == []


@pytest.mark.parametrize(
    ("bad", "wrong"),
    [
        ("", ["a lowercase RFC 1123 label must consist of"]),
        ("A", ["a lowercase RFC 1123 label must consist of"]),
        ("a.b", ["must not contain dots"]),
        ("-a", ["a lowercase RFC 1123 label must consist of"]),
        ("a\n", ["a lowercase RFC 1123 label must consist of"]),
        ("a" * 64, ["must be no more than 63 characters"]),
        ("A" * 64, ["must be no more than 63 characters", "a lowercase RFC 1123 label must consist of"]),
    ],
)
def test_bad_labels(bad, wrong):
    found = names.dns_label(bad)
    assert len(found) == len(wrong)
    assert all(text.startswith(start) for text, start in zip(found, wrong, strict=True))


def test_the_text_for_a_bad_subdomain_is_upstreams():
    assert names.dns_subdomain("Web_1") == [
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
        "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    ]
    assert names.dns_1035_label("1a") == [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
        "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
    ]


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("app", []),
        ("example.com/App_1", []),
        ("/app", ["prefix part must be non-empty"]),
        ("Example/app", ["prefix part a lowercase RFC 1123 subdomain must consist of"]),
        ("example.com/", ["name part must be non-empty", "name part must consist of alphanumeric characters"]),
        ("a" * 64, ["name part must be no more than 63 bytes"]),
        ("a/b/c", ["a valid label key must consist of alphanumeric characters"]),
    ],
)
def test_qualified_names(key, wrong):
    found = names.qualified_name(key)
    assert len(found) == len(wrong)
    assert all(text.startswith(start) for text, start in zip(found, wrong, strict=True))


def test_smaller_rules():
    assert names.path_segment("a:b") == []
    assert names.path_segment("..") == ["may not be '..'"]
    assert names.path_segment("a/b%c") == ["may not contain '/'", "may not contain '%'"]
    assert names.config_key("a.b_c-D") == []
    assert names.config_key("..a") == ["must not start with '..'"]
    assert names.config_key("..") == ["must not be '..'"]
    assert names.env_var_name("MY VAR") == []
    assert len(names.env_var_name("A=B")) == len(names.env_var_name("")) == 1
    assert names.port_name("http-8080") == []
    assert len(names.port_name("8080")) == 1
    assert len(names.port_name("-A--" + "x" * 20)) == 4
    assert names.port_number(65535) == [] and names.port_number(0) == ["must be between 1 and 65535, inclusive"]
    assert names.label_value("") == [] and len(names.label_value("a b")) == 1
    assert names.percent("10%") == [] and len(names.percent("10")) == 1
