"""From what a client sent to what is stored, and back: one Codec per kind and version, made by the catalogue.

decode: check types, prune and report unknown fields, give defaults of the version that the client used, convert to the
storage version. encode: convert from the storage version. Called by the API server for every write and for reads of
versions that differ from the stored one. Parsing bytes is jsonio.py; rules for values are validation.

fieldValidation: KEP-2885. Error texts: k8s.io/apiserver (transformDecodeError) over Go's encoding/json.
"""

from collections.abc import Container, Iterable

from sampan.machinery import decoding, strict
from sampan.machinery.decoding import Reader
from sampan.machinery.defaulting import DefaultFunction
from sampan.machinery.errors import BadRequest
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object
from sampan.machinery.scalars import Mismatch, json_name
from sampan.machinery.schema import Definition
from sampan.machinery.tree import deep_copy

_NO_OBJECT = (
    "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type struct "
    '{{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }}'
)
SCHEME = "pkg/api/legacyscheme/scheme.go:30"  # where upstream makes its table of kinds, as its messages call it


def no_object(value: object) -> str:
    """What Go says of JSON that is no object where one should be."""
    return _NO_OBJECT.format(json_name(value))


def no_kind(api_version: str, kind: str) -> str:
    """What upstream says of a type that it does not know."""
    return f'no kind "{kind}" is registered for version "{api_version}" in scheme "{SCHEME}"'


def not_convertible(api_version: str, kind: str, group: str, wanted: str) -> str:
    """What it says of a type that it knows where it expects another one, of some group."""
    version, package = api_version.rpartition("/")[2], group.partition(".")[0] or "core"
    return f"converting ({version}.{kind}) to ({package}.{wanted}): unknown conversion"


class DecodeError(BadRequest):
    """A body that is not an object of the kind. `cause` is the message without `X cannot be handled as a Y: `."""

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        self.cause = cause


class StrictDecodeError(DecodeError):
    """Unknown or duplicate fields under fieldValidation=Strict; `problems` are the single texts."""

    def __init__(self, prefix: str, problems: list[str]) -> None:
        cause = "strict decoding error: " + ", ".join(problems)
        super().__init__(prefix + cause, cause)
        self.problems = problems


class Codec:
    """An ObjectCodec. Both directions never raise anything but BadRequest (and what conversions raise)."""

    def __init__(
        self,
        served: Served,
        definition: Definition,
        read: Reader,
        type_defaults: DefaultFunction | None,
        known: Container[tuple[str, str]],
    ) -> None:
        """`read` and `type_defaults` are compiled from `definition`, that of the version; `known` has each apiVersion
        and kind that there is."""
        self.kind, self.version = kind, version = served
        self._definition, self._read, self._type_defaults = definition, read, type_defaults
        self._known = known
        self._prefix = f'{kind.name} in version "{version.version}" cannot be handled as a {kind.name}: '

    def decode(
        self, obj: object, field_validation: str = "Strict", duplicates: Iterable[str] = ()
    ) -> tuple[Object, list[str]]:
        """The object in the storage version with all defaults, and warnings for the client.

        `obj` is a JSON tree of this version, private to the request: it is changed in place. `duplicates` are the
        paths of fields that the body had twice (jsonio.duplicate_fields). Raises DecodeError, StrictDecodeError.
        """
        typed, warnings = self.check(obj, field_validation, duplicates)
        self.default(typed)
        return self.to_storage(typed), warnings

    def check(
        self, obj: object, field_validation: str = "Strict", duplicates: Iterable[str] = ()
    ) -> tuple[Object, list[str]]:
        """The first half of decode: types checked, unknown fields pruned, no defaults, still in this version."""
        typed, unknown = self.read(obj)
        problems = self._problems(
            [f'unknown field "{path}"' for path in unknown], [f'duplicate field "{path}"' for path in duplicates]
        )
        if problems and field_validation == "Strict":
            raise StrictDecodeError(self._prefix, problems)
        return typed, problems if field_validation == "Warn" else []

    def read(self, obj: object) -> tuple[Object, list[str]]:
        """An object with its types checked and unknown fields pruned, and the paths of those fields."""
        typed = self._identify(obj)
        unknown = self._read_fields(typed)
        typed.setdefault("metadata", {})
        return typed, unknown

    def _read_fields(self, typed: Object) -> list[str]:
        """Make an object one of the type, in place; returns the paths of unknown fields, which are gone."""
        state = decoding.State()
        try:
            self._read(typed, state)
        except Mismatch as error:
            raise self._refused(str(error)) from None
        return strict.prune(typed, self._definition) if state.unknown else []

    def _problems(self, unknown: list[str], duplicate: list[str]) -> list[str]:
        """What a strict decoding tells, in upstream's order."""
        return unknown + duplicate

    def _refused(self, cause: str) -> DecodeError:
        return DecodeError(self._prefix + cause, cause)

    def default(self, obj: Object) -> None:
        """Give an object of this version its type and kind defaults, in place."""
        if self._type_defaults:
            self._type_defaults(obj)
        if self.version.default:
            self.version.default(obj)

    def to_storage(self, obj: Object) -> Object:
        """An object of this version, which may be changed, in the storage version."""
        if self.version.convert:
            obj = self.version.convert.to_storage(obj)
        obj["kind"], obj["apiVersion"] = self.kind.name, self.kind.storage.api_version
        return obj

    def encode(self, obj: Object) -> Object:
        """An object of the storage version, which stays as it is, in this version."""
        if self.version.convert:
            converted = self.version.convert.from_storage(deep_copy(obj))
        else:
            converted = dict(obj)
        converted["kind"], converted["apiVersion"] = self.kind.name, self.version.api_version
        return converted

    def _identify(self, obj: object) -> Object:
        """Refuse what is no object, or says that it is something else; what it leaves out follows from the path."""
        if not isinstance(obj, dict):
            text = no_object(obj)
            raise DecodeError(f"the object provided is unrecognized (must be of type {self.kind.name}): {text}", text)
        api_version, kind = obj.get("apiVersion") or "", obj.get("kind") or ""
        if kind and kind != self.kind.name:
            raise self._other_kind(str(api_version), str(kind))
        if api_version and api_version != self.version.api_version:
            is_known = self.version.structure is not None or (str(api_version), self.kind.name) in self._known
            if not is_known:
                raise self._other_kind(str(api_version), self.kind.name)
            text = (
                f"the API version in the data ({api_version}) does not match "
                f"the expected API version ({self.version.api_version})"
            )
            raise DecodeError(text, text)
        obj["kind"], obj["apiVersion"] = self.kind.name, self.version.api_version
        return obj

    def _other_kind(self, api_version: str, kind: str) -> DecodeError:
        api_version = api_version or self.version.api_version
        version = api_version.rpartition("/")[2]
        known = (api_version, kind) in self._known
        text = (
            not_convertible(api_version, kind, self.version.group, self.kind.name)
            if known
            else no_kind(api_version, kind)
        )
        return DecodeError(f'{kind} in version "{version}" cannot be handled as a {self.kind.name}: {text}', text)
