"""Where a webhook is, a URL or a Service, and what it reads. For admission and for conversion of custom resources.

Rules and texts: k8s.io/apiserver/pkg/util/webhook (validation.go); URLs are parsed as Go's net/url does.
"""

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from sampan.kinds.checks import Errors, repeated
from sampan.machinery.meta import Object
from sampan.machinery.names import dns_1035_label, dns_subdomain, port_number
from sampan.machinery.validation import Path, check, invalid, required

REVIEW_VERSIONS = ("v1", "v1beta1")  # of AdmissionReview and ConversionReview
_FORM = "; desired format: https://host[/path]"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def validate_client_config(config: Object, path: Path) -> Errors:
    """A webhook's clientConfig: exactly one of url and service."""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        yield required(path, "exactly one of url or service is required")
    elif url is not None:
        yield from validate_url(url, path.child("url"))
    elif service is not None:
        yield from validate_service(service, path.child("service"))


def validate_url(url: str, path: Path) -> Errors:
    """An https URL with a host and perhaps a path, and nothing else."""
    try:
        parts = _split(url)
    except ValueError as error:
        yield required(path, f"url must be a valid URL: parse {_quoted(url)}: {error}{_FORM}")
        return
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme != "https":
        yield invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_FORM}")
    if not host:
        yield invalid(path, host, f"host must be specified{_FORM}")
    if "@" in parts.netloc:
        yield invalid(path, user, "user information is not permitted in the URL")
    if parts.fragment:
        yield invalid(path, parts.fragment, "fragments are not permitted in the URL")
    if parts.query:
        yield invalid(path, parts.query, "query parameters are not permitted in the URL")


def _split(url: str) -> SplitResult:
    """The parts of a URL; ValueError in the words of net/url."""
    if _CONTROL.search(url):
        raise ValueError("net/url: invalid control character in URL")
    if url.startswith(":"):
        raise ValueError("missing protocol scheme")
    if not _SCHEME.match(url) and ":" in url.partition("/")[0]:
        raise ValueError("first path segment in URL cannot contain colon")
    if bad := _BAD_ESCAPE.search(url.partition("?")[0]):
        raise ValueError(f"invalid URL escape {_quoted(bad[0])}")
    try:
        parts = urlsplit(url)
        port = parts.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
    except ValueError:
        raise ValueError("missing ']' in host") from None
    if port and not port.isdecimal():
        raise ValueError(f"invalid port {_quoted(':' + port)} after host")
    return parts


def _quoted(text: str) -> str:
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'


def validate_service(service: Object, path: Path) -> Errors:
    """A Service by namespace and name, with a port and a path.

    Upstream's callers hand the two names over in the wrong order, so that what is missing is reported of the other.
    """
    for missing, reported in (("namespace", "name"), ("name", "namespace")):
        if not service.get(missing):
            yield required(path.child(reported))
    if wrong := port_number(service.get("port", 443)):
        yield invalid(path.child("port"), service["port"], "port is not valid: " + ", ".join(wrong))
    if service.get("path") not in (None, "", "/"):
        yield from _path(service["path"], path.child("path"))


def _path(url_path: str, path: Path) -> Errors:
    if url_path == "//":
        yield invalid(path, url_path, "segment[0] may not be empty")
        return
    if not url_path.startswith("/"):
        yield invalid(path, url_path, "must start with a '/'")
    for index, segment in enumerate(url_path[1:].removesuffix("/").split("/")):
        if not segment:
            yield invalid(path, url_path, f"segment[{index}] may not be empty")
        for text in dns_subdomain(segment) if segment else ():
            yield invalid(path, url_path, f"segment[{index}]: {text}")


def validate_review_versions(versions: Sequence[str], path: Path, missing: str = "", *, known: bool) -> Errors:
    """The versions of reviews that a webhook reads; `known`: one of ours has to be among them."""
    if not versions:
        yield required(path, missing)
        return
    again = {index for index, _ in repeated(versions)}
    for index, version in enumerate(versions):
        wrong = ["duplicate version"] if index in again else dns_1035_label(version)
        yield from check(path.index(index), version, wrong)
    if known and not set(versions) & set(REVIEW_VERSIONS):
        yield invalid(path, versions, f"must include at least one of {', '.join(REVIEW_VERSIONS)}")
