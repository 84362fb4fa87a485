"""What an AuthenticationConfiguration may say: every field error, in upstream's words and order.

Claims and users are compiled.py's; what it makes is a by-product, kept for mapping.py. Rules:
k8s.io/apiserver/pkg/apis/apiserver/validation. Called where the file is read, at the start and when it changes.
"""

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from cryptography import x509

from sampan.apiserver.authentication.jwt.compiled import Compiled, compiled, seen
from sampan.apiserver.authentication.jwt.configuration import MATCH_ANY, AuthenticationConfiguration, Issuer
from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path, invalid, required, too_many

_MOST = 64  # authenticators
_EGRESS = ("controlplane", "cluster")

Errors = Iterator[FieldError]


def validate(
    configuration: AuthenticationConfiguration, disallowed: Collection[str] = ()
) -> tuple[list[Compiled], list[FieldError]]:
    """The expressions of each authenticator, and all that is wrong. `disallowed` are this cluster's own issuers."""
    root = Path("jwt")
    if len(configuration.jwt) > _MOST:
        return [], [too_many(root, len(configuration.jwt), _MOST)]
    made, errors = [], list[FieldError]()
    urls, discovery_urls = set[str](), set[str]()
    for at, authenticator in enumerate(configuration.jwt):
        path = root.index(at)
        errors += _issuer(authenticator.issuer, path.child("issuer"), disallowed)
        made.append(compiled(authenticator, path, errors))
        errors += seen(urls, authenticator.issuer.url, path.child("issuer", "url"))
        if authenticator.issuer.discovery_url:
            errors += seen(discovery_urls, authenticator.issuer.discovery_url, path.child("issuer", "discoveryURL"))
    anonymous = configuration.anonymous
    if anonymous and not anonymous.enabled and anonymous.paths:
        shown = [{"Path": path} for path in anonymous.paths]
        detail = "enabled should be set to true when conditions are defined"
        errors.append(invalid("anonymous.conditions", shown, detail))
    return made, errors


def _issuer(issuer: Issuer, path: Path, disallowed: Collection[str]) -> Errors:
    if not issuer.url:
        yield required(path.child("url"))
    else:
        yield from _url(issuer.url, path.child("url"), disallowed)
    if other := issuer.discovery_url:
        if issuer.url and issuer.url.rstrip("/") == other.rstrip("/"):
            yield invalid(path.child("discoveryURL"), other, "discoveryURL must be different from URL")
        yield from _url(other, path.child("discoveryURL"), ())
    yield from _audiences(issuer, path)
    if issuer.certificate_authority and (why := _no_certificates(issuer.certificate_authority)):
        yield invalid(path.child("certificateAuthority"), "<omitted>", why)
    if issuer.egress_selector_type and issuer.egress_selector_type not in _EGRESS:
        detail = "egress selector must be either controlplane or cluster"
        yield invalid(path.child("egressSelectorType"), issuer.egress_selector_type, detail)


def _url(url: str, path: Path, disallowed: Collection[str]) -> Errors:
    if url in disallowed:
        shown = " ".join(sorted(disallowed))
        yield invalid(path, url, f"URL must not overlap with disallowed issuers: [{shown}]")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        yield invalid(path, url, f'parse "{url}": {error}')
        return
    if parts.scheme != "https":
        yield invalid(path, url, "URL scheme must be https")
    if parts.username is not None:
        yield invalid(path, url, "URL must not contain a username or password")
    if parts.query:
        yield invalid(path, url, "URL must not contain a query")
    if parts.fragment:
        yield invalid(path, url, "URL must not contain a fragment")


def _audiences(issuer: Issuer, path: Path) -> Errors:
    place, policy = path.child("audiences"), issuer.audience_match_policy
    if not issuer.audiences:
        yield required(place, f"at least one {place} is required")
        return
    known: set[str] = set()
    for at, audience in enumerate(issuer.audiences):
        if not audience:
            yield required(place.index(at))
        yield from seen(known, audience, place.index(at))
    allowed = (MATCH_ANY,) if len(issuer.audiences) > 1 else ("", MATCH_ANY)
    if policy not in allowed:
        several = "MatchAny for multiple audiences"
        detail = (
            f"audienceMatchPolicy must be {several if len(allowed) == 1 else 'empty or MatchAny for single audience'}"
        )
        yield invalid(path.child("audienceMatchPolicy"), policy, detail)


def _no_certificates(pem: str) -> str:
    """Why a text is no bundle of certificates."""
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        return "data does not contain any valid RSA or ECDSA certificates" if "BEGIN" not in pem else str(error)
    return ""
