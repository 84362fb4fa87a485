"""Which policy holds in a namespace: three modes, each a level in a release, by labels or by default. Pure.

Rules and messages: docs, "Pod Security Admission", "Pod Security Admission labels for namespaces".
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from sampan.machinery.validation import FieldError, Path, invalid

PRIVILEGED, BASELINE, RESTRICTED = LEVELS = ("privileged", "baseline", "restricted")  # from the loosest on
PREFIX = "pod-security.kubernetes.io/"

_RELEASE = re.compile(r"v1\.(0|[1-9][0-9]*)", re.ASCII)
_MAX_MINOR = 2**63 - 1
_LABELS = Path("metadata").child("labels")


class LevelVersion(NamedTuple):
    """A level as release 1.`minor` of the policy defines it; None is the latest."""

    level: str = PRIVILEGED
    minor: int | None = None

    def __str__(self) -> str:
        return f"{self.level}:{'latest' if self.minor is None else f'v1.{self.minor}'}"


class Policy(NamedTuple):
    """What is refused, noted in the audit log, and warned of."""

    enforce: LevelVersion = LevelVersion()
    audit: LevelVersion = LevelVersion()
    warn: LevelVersion = LevelVersion()


class ReadPolicy(NamedTuple):
    """The policy that labels ask for; where they are wrong, a safe one, and what is wrong."""

    policy: Policy
    errors: list[FieldError]


def is_stricter(level: str, other: str) -> bool:
    """Whether a level allows less than another."""
    return LEVELS.index(level) > LEVELS.index(other)


def parse_release(text: str) -> int | None:
    """The minor of `v1.25`, None for `latest`; raises ValueError."""
    if text == "latest":
        return None
    found = _RELEASE.fullmatch(text)
    if not found or (minor := int(found[1])) > _MAX_MINOR:
        raise ValueError('must be "latest" or "v1.x"')
    return minor


def parse_level(text: str) -> str:
    """A level; raises ValueError."""
    if text not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return text


def read(labels: Mapping[str, str], defaults: Policy) -> ReadPolicy:
    """The policy of a namespace. A wrong label fails closed in enforcing, open in auditing and warning."""
    errors: list[FieldError] = []
    if not any(label.startswith(PREFIX) for label in labels):
        return ReadPolicy(defaults, errors)
    enforce = _mode(labels, "enforce", defaults.enforce, RESTRICTED, errors)
    audit = _mode(labels, "audit", defaults.audit, PRIVILEGED, errors)
    warn = _mode(labels, "warn", defaults.warn, PRIVILEGED, errors)
    return ReadPolicy(Policy(enforce, audit, _warn_of_what_is_enforced(labels, enforce, warn)), errors)


def _mode(
    labels: Mapping[str, str], mode: str, default: LevelVersion, otherwise: str, errors: list[FieldError]
) -> LevelVersion:
    level, minor = default
    if (text := labels.get(f"{PREFIX}{mode}")) is not None:
        try:
            level = parse_level(text)
        except ValueError as error:
            level = otherwise
            errors.append(invalid(_LABELS.key(f"{PREFIX}{mode}"), text, str(error)))
    if (text := labels.get(f"{PREFIX}{mode}-version")) is not None:
        try:
            minor = parse_release(text)
        except ValueError as error:
            minor = None
            errors.append(invalid(_LABELS.key(f"{PREFIX}{mode}-version"), text, str(error)))
    return LevelVersion(level, minor)


def _warn_of_what_is_enforced(labels: Mapping[str, str], enforce: LevelVersion, warn: LevelVersion) -> LevelVersion:
    """Whoever sets a level and says nothing of warnings is warned at that level: templates are never refused."""
    if f"{PREFIX}warn" in labels or labels.get(f"{PREFIX}enforce") not in LEVELS:
        return warn
    if not is_stricter(enforce.level, warn.level):
        return warn
    return LevelVersion(enforce.level, warn.minor if f"{PREFIX}warn-version" in labels else enforce.minor)
