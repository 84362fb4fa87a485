"""Semantic versions. Upstream: apiserver pkg/cel/library/semverlib.go; blang/semver for what a version is."""

import re
from functools import total_ordering

from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.values import Extension

_SINCE = (1, 33)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_IDENTIFIER = re.compile(r"[0-9A-Za-z-]+", re.ASCII)


@total_ordering
class Semver(Extension):
    """A version; build metadata is no part of its order."""

    __slots__ = ("_order", "major", "minor", "patch")
    name = "kubernetes.Semver"

    def __init__(self, major: int, minor: int, patch: int, prerelease: tuple[str, ...]) -> None:
        self.major, self.minor, self.patch = major, minor, patch
        self._order = (major, minor, patch, not prerelease, tuple(_identifier_order(part) for part in prerelease))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semver) and self._order == other._order

    def __lt__(self, other: "Semver") -> bool:
        return self._order < other._order

    def __hash__(self) -> int:
        return hash(self._order)


def _identifier_order(part: str) -> tuple[int, int, str]:
    """Numbers come before words."""
    return (0, int(part), "") if part.isdigit() else (1, 0, part)


def parse_semver(text: str) -> Semver:
    """The version that a text stands for; raises EvaluationError."""
    if not text:
        raise EvaluationError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != 3:
        raise EvaluationError("No Major.Minor.Patch elements found")
    major, minor = _number("Major", parts[0]), _number("Minor", parts[1])
    rest, plus, build = parts[2].partition("+")
    patch, dash, prerelease = rest.partition("-")
    number = _number("Patch", patch)
    pre = tuple(_prerelease(part) for part in prerelease.split(".")) if dash else ()
    for part in build.split(".") if plus else ():
        _build(part)
    return Semver(major, minor, number, pre)


def _number(name: str, text: str) -> int:
    shown = f'"{text}"'
    if not _DIGITS.fullmatch(text):
        raise EvaluationError(
            f"Invalid character(s) found in {name.lower() + ' number' if name != 'Patch' else 'patch number'} {shown}"
        )
    if not _NUMBER.fullmatch(text):
        raise EvaluationError(f"{name} number must not contain leading zeroes {shown}")
    if int(text) >= 2**64:
        raise EvaluationError(f"strconv.ParseUint: parsing {shown}: value out of range")
    return int(text)


def _prerelease(part: str) -> str:
    if not part:
        raise EvaluationError("Prerelease is empty")
    if _DIGITS.fullmatch(part):
        if len(part) > 1 and part.startswith("0"):
            raise EvaluationError(f'Numeric PreRelease version must not contain leading zeroes "{part}"')
        if len(part) > 20:
            raise EvaluationError(f'strconv.ParseUint: parsing "{part}": value out of range')
        return part
    if not _IDENTIFIER.fullmatch(part):
        raise EvaluationError(f'Invalid character(s) found in prerelease "{part}"')
    return part


def _build(part: str) -> None:
    if not part:
        raise EvaluationError("Build meta data is empty")
    if not _IDENTIFIER.fullmatch(part):
        raise EvaluationError(f'Invalid character(s) found in build meta data "{part}"')


def _normalized(text: str, normalize: bool) -> Semver:
    """A version with an optional v, leading zeros, or without minor and patch numbers."""
    if not normalize:
        return parse_semver(text)
    parts = text.removeprefix("v").split(".", 2)
    parts = [_without_zeros(part) for part in parts]
    if len(parts) < 3 and any(char in parts[-1] for char in "+-"):
        raise EvaluationError("short version cannot contain PreRelease/Build meta data")
    return parse_semver(".".join([*parts, "0", "0"][: max(len(parts), 3)]))


def _without_zeros(part: str) -> str:
    if len(part) < 2:
        return part
    stripped = part.lstrip("0")
    return stripped if stripped[:1].isdigit() else f"0{stripped}"


def _is_semver(text: str, normalize: bool = False) -> bool:
    try:
        _normalized(text, normalize)
    except EvaluationError:
        return False
    return True


_T = "kubernetes.Semver"
SEMVER = Library(
    "semver",
    (
        overload(f"semver(string) -> {_T}", parse_semver, since=_SINCE),
        overload(f"semver(string, bool) -> {_T}", _normalized, since=_SINCE),
        overload("isSemver(string) -> bool", _is_semver, since=_SINCE),
        overload("isSemver(string, bool) -> bool", _is_semver, since=_SINCE),
        overload(f"{_T}.isGreaterThan({_T}) -> bool", lambda a, b: a > b, since=_SINCE),
        overload(f"{_T}.isLessThan({_T}) -> bool", lambda a, b: a < b, since=_SINCE),
        overload(f"{_T}.compareTo({_T}) -> int", lambda a, b: (a > b) - (a < b), since=_SINCE),
        overload(f"{_T}.major() -> int", lambda value: value.major, since=_SINCE),
        overload(f"{_T}.minor() -> int", lambda value: value.minor, since=_SINCE),
        overload(f"{_T}.patch() -> int", lambda value: value.patch, since=_SINCE),
    ),
)
